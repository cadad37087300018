// A peer over npm's zeromq, driven by lines on standard input: see peers.py.
"use strict"

const zmq = require("zeromq")
const readline = require("readline")

const [type, how, address, security, ...keys] = process.argv.slice(2)
const types = {
  push: zmq.Push, pull: zmq.Pull, pub: zmq.Publisher, sub: zmq.Subscriber, req: zmq.Request,
  rep: zmq.Reply, dealer: zmq.Dealer, router: zmq.Router, pair: zmq.Pair,
}

// libzmq asks here about each client (RFC 27); this one knows a single PLAIN user, and lets in every key
async function answerZap(handler, user, password) {
  for await (const [version, id, , , , mechanism, ...credentials] of handler) {
    const known = String(mechanism) === "CURVE" || (String(credentials[0]) === user && String(credentials[1]) === password)
    await handler.send([version, id, known ? "200" : "400", known ? "OK" : "No", known ? "user" : "", ""])
  }
}

async function secure(socket) {
  if (security === "curve-server") {
    socket.curveServer = true
    socket.curveSecretKey = keys[0]
  } else if (security === "curve-client") {
    [socket.curveServerKey, socket.curvePublicKey, socket.curveSecretKey] = keys
  } else if (security === "plain-server") {
    socket.plainServer = true
  } else if (security === "plain-client") {
    [socket.plainUsername, socket.plainPassword] = keys
  }
  if (security === "plain-server") {
    const handler = new zmq.Reply()
    await handler.bind("inproc://zeromq.zap.01")
    answerZap(handler, keys[0], keys[1])
  }
}

// its receive() fails now and then when a wake-up brought no message
async function receive(socket) {
  for (;;) {
    try {
      return await socket.receive()
    } catch (error) {
      if (error.code !== "EAGAIN") throw error
    }
  }
}

const encode = frame => frame.toString("hex") || "-"
const decode = word => Buffer.from(word === "-" ? "" : word, "hex")

async function main() {
  const socket = new types[type]()
  await secure(socket)
  if (how === "bind") {
    await socket.bind(address)
  } else {
    socket.connect(address)
  }
  console.log(`ready ${socket.lastEndpoint}`)
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [command, ...words] = line.split(" ")
    if (command === "send") {
      await socket.send(words.map(decode))
      console.log("sent")
    } else if (command === "subscribe") {
      socket.subscribe(decode(words[0]))
      console.log("subscribed")
    } else if (command === "recv") {
      console.log(["got", ...(await receive(socket)).map(encode)].join(" "))
    }
  }
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
