"""Jupyter on this package: kernels and their clients, notebooks, a server."""

from __future__ import annotations

from downstream.running import RunProgram

IN_KERNEL = """
def in_kernel(expression):
    return f"import zmq, os; assert zmq.__file__ == os.environ['EXPECTED_FILE']; {expression}"

def outputs(client, code, allow_errors=False, timeout=200):
    messages = []
    reply = client.execute_interactive(code, output_hook=messages.append, timeout=timeout, allow_stdin=False)
    if not allow_errors:
        assert reply["content"]["status"] == "ok", reply["content"]
    return reply, messages
"""


def test_a_kernel_runs_code_prints_and_draws(program: RunProgram) -> None:
    program(
        IN_KERNEL
        + """
import base64
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
try:
    reply, messages = outputs(client, in_kernel("print('hello'); print('world'); 6 * 7"))
    assert "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream") == "hello\\nworld\\n", messages
    results = [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"]
    assert results == ["42"], messages

    png = base64.b64encode(b"\\x89PNG" + bytes(range(256)) * 2000).decode()
    code = f"from IPython.display import display, Image; import base64; display(Image(base64.b64decode({png!r}), format='png'))"
    reply, messages = outputs(client, code)
    (picture,) = [m["content"]["data"]["image/png"] for m in messages if m["msg_type"] == "display_data"]
    assert picture.replace("\\n", "") == png

    reply, messages = outputs(client, "1 / 0", allow_errors=True)
    assert reply["content"]["ename"] == "ZeroDivisionError"
    reply, messages = outputs(client, "for i in range(2000): print(i)")
    text = "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")
    assert text == "".join(f"{i}\\n" for i in range(2000))
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""
    )


def test_an_interrupt_and_a_restart(program: RunProgram) -> None:
    program(
        IN_KERNEL
        + """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
try:
    outputs(client, "kept = 1")
    client.execute("print('looping', flush=True)\\nwhile True: pass")
    while True:
        message = client.get_iopub_msg(timeout=200)
        if message["msg_type"] == "stream" and "looping" in message["content"]["text"]:
            break
    manager.interrupt_kernel()
    while True:
        message = client.get_iopub_msg(timeout=200)
        if message["msg_type"] == "error":
            assert message["content"]["ename"] == "KeyboardInterrupt"
            break
    client.get_shell_msg(timeout=200)
    outputs(client, in_kernel("assert kept == 1"))
    manager.restart_kernel(now=False)
    client.wait_for_ready(timeout=200)
    reply, messages = outputs(client, "kept", allow_errors=True)
    assert reply["content"]["ename"] == "NameError"
    assert client.is_alive()
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=False)
assert not manager.is_alive()
"""
    )


def test_two_front_ends_see_the_same_output(program: RunProgram) -> None:
    program(
        IN_KERNEL
        + """
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
manager, first = start_new_kernel()
second = BlockingKernelClient(connection_file=manager.connection_file)  # a session of its own
second.load_connection_file()
second.start_channels()
try:
    second.wait_for_ready(timeout=200)
    for speaker in (first, second):
        sent = speaker.execute(f"print('from {id(speaker)}')")
        for listener in (first, second):
            while True:
                message = listener.get_iopub_msg(timeout=200)
                if message["msg_type"] == "stream":
                    assert message["parent_header"]["msg_id"] == sent
                    assert message["content"]["text"].strip() == f"from {id(speaker)}"
                    break
        assert speaker.get_shell_msg(timeout=200)["parent_header"]["msg_id"] == sent
finally:
    first.stop_channels()
    second.stop_channels()
    manager.shutdown_kernel(now=True)
"""
    )


def test_asyncio_and_threaded_clients(program: RunProgram) -> None:
    program(
        """
import asyncio
from jupyter_client.manager import start_new_async_kernel
from jupyter_client.threaded import ThreadedKernelClient

async def main():
    manager, client = await start_new_async_kernel()
    try:
        reply = await client.execute_interactive("print('awaited'); assert input_free", user_expressions={"x": "6*7"},
            allow_stdin=False, timeout=200, output_hook=lambda m: None, stop_on_error=False)
        assert reply["content"]["ename"] == "NameError", reply
        await client.execute_interactive("x = 41", timeout=200, allow_stdin=False)

        threaded = ThreadedKernelClient(connection_file=manager.connection_file)
        threaded.load_connection_file()
        seen = []
        threaded.start_channels(hb=False)
        threaded.iopub_channel.call_handlers = seen.append
        threaded.shell_channel.call_handlers = seen.append
        sent = threaded.execute("print(x + 1)")
        deadline = asyncio.get_running_loop().time() + 60
        while not {"stream", "execute_reply"} <= {m["msg_type"] for m in seen if m["parent_header"].get("msg_id") == sent}:
            assert asyncio.get_running_loop().time() < deadline, seen
            await asyncio.sleep(0.01)
        (text,) = [m["content"]["text"] for m in seen if m["msg_type"] == "stream" and m["parent_header"]["msg_id"] == sent]
        assert text == "42\\n"
        threaded.stop_channels()
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)

asyncio.run(main())
"""
    )


def test_nbclient_executes_a_notebook(program: RunProgram) -> None:
    program(
        """
import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
notebook = new_notebook(cells=[
    new_markdown_cell("# Title"),
    new_code_cell("import zmq, os; assert zmq.__file__ == os.environ['EXPECTED_FILE']; x = 40"),
    new_code_cell("print('text'); x + 2"),
    new_code_cell("from IPython.display import display; [display(i) for i in range(3)];"),
])
NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
cells = [[(o.output_type, o.get("text") or o.data["text/plain"]) for o in cell.outputs] for cell in notebook.cells[1:]]
assert cells[0] == []
assert cells[1] == [("stream", "text\\n"), ("execute_result", "42")], cells
assert cells[2] == [("display_data", str(i)) for i in range(3)], cells
"""
    )


def test_a_jupyter_server_answers_over_its_websocket(program: RunProgram) -> None:
    program(
        """
import asyncio, json, subprocess, time, uuid
from pathlib import Path
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
log = open("server.log", "wb")
server = subprocess.Popen(
    [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1",
     "--IdentityProvider.token=secret", f"--ServerApp.root_dir={os.getcwd()}"],
    stdout=log, stderr=log,
)

async def main():
    deadline = time.monotonic() + 200
    while not (found := list(runtime.glob("jpserver-*.json"))):
        assert server.poll() is None and time.monotonic() < deadline, Path("server.log").read_text()
        await asyncio.sleep(0.05)
    while not (text := found[0].read_text()).strip().endswith("}"):
        await asyncio.sleep(0.05)
    url = json.loads(text)["url"]
    headers = {"Authorization": "token secret"}
    http = AsyncHTTPClient()
    while True:
        try:
            make = HTTPRequest(url + "api/kernels", method="POST", body="{}", headers=headers, request_timeout=200)
            answer = await http.fetch(make)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    kernel = json.loads(answer.body)["id"]
    address = f"{url.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    socket = await websocket_connect(HTTPRequest(address, headers=headers))
    for number in range(3):
        sent = uuid.uuid4().hex
        code = f"import zmq, os; assert zmq.__file__ == os.environ['EXPECTED_FILE']; print('answer', {number})"
        header = {"msg_id": sent, "msg_type": "execute_request", "username": "u", "session": uuid.uuid4().hex, "version": "5.3"}
        await socket.write_message(json.dumps({
            "channel": "shell",
            "header": header,
            "parent_header": {}, "metadata": {},
            "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False},
        }))
        seen = []
        while {"stream", "execute_reply"} - set(seen):
            message = json.loads(await asyncio.wait_for(socket.read_message(), 200))
            if message["parent_header"].get("msg_id") != sent:
                continue
            seen.append(message["msg_type"])
            if message["msg_type"] == "stream":
                assert message["content"]["text"] == f"answer {number}\\n"
            if message["msg_type"] == "execute_reply":
                assert message["content"]["status"] == "ok", message
    socket.close()
    await http.fetch(HTTPRequest(url + f"api/kernels/{kernel}", method="DELETE", headers=headers))
    await http.fetch(HTTPRequest(url + "api/shutdown", method="POST", body="", headers=headers))

try:
    asyncio.run(main())
    assert server.wait(100) == 0, Path("server.log").read_text()
finally:
    server.kill()
    server.wait()
"""
    )
