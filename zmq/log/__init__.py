"""Log records through a PUB socket, and the command that shows them: `python -m zmq.log URL`."""
