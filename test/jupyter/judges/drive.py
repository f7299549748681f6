"""Drives Lakebook's Jupyter kernel with jupyter_client. Usage: drive.py SCENARIO; it ends with 0 when all is as it should be.

The environment's kernels are used, and the folder it is started in is the lake's.
"""

import base64
import json
import os
import signal
import sys
import time

import pyarrow as pa
import zmq
from jupyter_client import KernelManager
from jupyter_client.session import Session

PATIENCE = 120
ENDLESS = "SELECT count(*) FROM range(10000000000000) t(a) WHERE sin(a) > 2"
ARROW = "application/vnd.lakebook.result+arrow"


class Kernel:
    """A kernel of its own with a client that is ready."""

    def __init__(self, name="lakebook", **options):
        self.manager = KernelManager(kernel_name=name, **options)
        self.manager.start_kernel()
        self.connect()

    def connect(self):
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)

    def run(self, code, **options):
        outputs = []
        reply = self.client.execute_interactive(
            code,
            timeout=PATIENCE,
            output_hook=lambda message: outputs.append((message["msg_type"], message["content"])),
            **options,
        )
        return reply["content"], outputs

    def rows(self, code):
        """The rows of a cell's last result, read from its Arrow bytes."""
        reply, outputs = self.run(code)
        assert reply["status"] == "ok", reply
        data = [content["data"] for kind, content in outputs if kind == "execute_result"][-1]
        return pa.ipc.open_stream(base64.b64decode(data[ARROW])).read_all().to_pylist()

    def control(self, kind):
        """A request on the control channel, which is answered while a cell runs."""
        request = self.client.session.msg(kind, {})
        self.client.control_channel.send(request)
        while True:
            message = self.client.get_control_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                return message

    def run_and_stop(self, waiting, stop, **options):
        """Stops an endless query that other cells wait for, and answers all replies in order."""
        ids = [self.client.execute(code, **options) for code in (ENDLESS, *waiting)]
        self.until_busy(ids[0])
        # The answer comes from where the waiting cells are now.
        self.control("kernel_info_request")
        stop()
        replies = {}
        while len(replies) < len(ids):
            message = self.client.get_shell_msg(timeout=PATIENCE)
            replies[message["parent_header"].get("msg_id")] = message["content"]
        return [replies[each] for each in ids]

    def until_busy(self, message_id):
        """Waits until a cell's input was told, which is when it runs."""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == message_id and message["msg_type"] == "execute_input":
                return

    def reply(self, message_id):
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == message_id:
                return message["content"]


def kinds(outputs):
    return [kind for kind, _ in outputs if kind not in ("status", "execute_input")]


def check(found, expected):
    assert found == expected, f"\nfound    {found!r}\nexpected {expected!r}"


def execute():
    with Kernel() as kernel:
        info = kernel.client.kernel_info(reply=True, timeout=PATIENCE)["content"]
        check(info["protocol_version"], "5.4")
        check((info["status"], info["implementation"], info["language_info"]["name"]), ("ok", "lakebook", "sql"))

        reply, outputs = kernel.run("SELECT 1 AS a, 'x<y' AS b")
        check((reply["status"], reply["execution_count"], reply["user_expressions"]), ("ok", 1, {}))
        check([kind for kind, _ in outputs], ["status", "execute_input", "execute_result", "status"])
        check([c["execution_state"] for k, c in outputs if k == "status"], ["busy", "idle"])
        data = outputs[2][1]["data"]
        assert "<table>" in data["text/html"] and "x&lt;y" in data["text/html"], data["text/html"]
        assert "│ 1 │ x<y │" in data["text/plain"], data["text/plain"]
        check(kernel.rows("SELECT 7 AS n, NULL AS nothing"), [{"n": 7, "nothing": None}])

        # Several results: the last is the cell's. Texts and results keep their order.
        _, outputs = kernel.run("CREATE TABLE t AS SELECT 1 AS id; SELECT * FROM t; INSERT INTO t VALUES (2); SELECT 2 AS b")
        check(kinds(outputs), ["stream", "display_data", "stream", "execute_result"])
        # The lake language, marked and unmarked, and results by name.
        check(kinds(kernel.run("%%lake\ntables\nhistory t")[1]), ["display_data", "execute_result"])
        check(kinds(kernel.run("history t")[1]), ["execute_result"])
        kernel.run("-- name: summed\nSELECT sum(id) AS s FROM t")
        check(kernel.rows("SELECT s FROM summed"), [{"s": 3}])

        # What isn't counted: silent cells say nothing, unstored ones do.
        count = kernel.run("SELECT 'counted'")[0]["execution_count"]
        reply, outputs = kernel.run("SELECT 'silent'", silent=True)
        check((reply["status"], reply["execution_count"], kinds(outputs)), ("ok", count, []))
        check([kind for kind, _ in outputs], ["status", "status"])
        reply, outputs = kernel.run("SELECT 'not stored'", store_history=False)
        check((reply["execution_count"], kinds(outputs)), (count, ["execute_result"]))
        check(kernel.rows("SELECT * FROM _%d" % count), [{"'counted'": "counted"}])
        check(kernel.run("")[0]["execution_count"], count + 1)
        check(kernel.run("SELECT 1")[0]["execution_count"], count + 2)

        # A result larger than what travels: Arrow has its first rows.
        reply, outputs = kernel.run("SELECT range AS n FROM range(5000)")
        data = outputs[2][1]["data"]
        assert "5,000 rows" in data["text/plain"].splitlines()[-1], data["text/plain"][-200:]
        table = pa.ipc.open_stream(base64.b64decode(data[ARROW])).read_all()
        assert 100 <= table.num_rows <= 5000 and table["n"][99].as_py() == 99

        # Metadata of a cell, as JupyterLab sends it.
        for metadata, code in (({"vscode": {"languageId": "lake"}}, "describe t"), ({"tags": ["parameters"]}, "SET p = 4")):
            message = kernel.client.session.msg("execute_request", {"code": code, "silent": False}, metadata=metadata)
            kernel.client.shell_channel.send(message)
            check(kernel.reply(message["header"]["msg_id"])["status"], "ok")
        check(kernel.rows("SELECT $p AS p"), [{"p": 4}])


def errors():
    with Kernel() as kernel:
        reply, outputs = kernel.run("SELECT 1 +\n  nothing_here")
        check((reply["status"], reply["execution_count"]), ("error", 1))
        error = [content for kind, content in outputs if kind == "error"][0]
        check(error, {key: reply[key] for key in ("ename", "evalue", "traceback")})
        assert "nothing_here" in reply["evalue"], reply
        assert any("line 2, column 3" in line for line in reply["traceback"]), reply
        assert any("^^^" in line for line in reply["traceback"]), reply

        # Cells sent together with one that fails don't run, unless they say so.
        stop = kernel.manager.interrupt_kernel
        replies = kernel.run_and_stop(["CREATE TABLE never AS SELECT 1 AS a", "SELECT 2"], stop)
        check([each["status"] for each in replies], ["error", "aborted", "aborted"])
        check(kernel.run("SELECT * FROM never")[0]["status"], "error")
        replies = kernel.run_and_stop(["SELECT 3"], stop, stop_on_error=False)
        check([each["status"] for each in replies], ["error", "ok"])
        # What is sent in answer to the failure runs.
        check(kernel.run("SELECT broken")[0]["status"], "error")
        check(kernel.run("SELECT 4")[0]["status"], "ok")


def broken_lake():
    """A lake that can't be opened is the cell's error; the kernel goes on and finds it mended."""
    with open("lakebook.json", "w") as file:
        file.write('{"catalog": {"type": "sqlit"}}')
    with Kernel() as kernel:
        reply, _ = kernel.run("SELECT 1")
        check(reply["status"], "error")
        assert "sqlit" in reply["evalue"], reply
        check(kernel.client.complete("SEL", reply=True, timeout=PATIENCE)["content"]["matches"], [])
        os.remove("lakebook.json")
        check(kernel.run("SELECT 1")[0]["status"], "ok")


def interrupt():
    with Kernel() as kernel:
        check(kernel.run("SELECT 1")[0]["status"], "ok")
        for stop in (kernel.manager.interrupt_kernel, lambda: os.kill(kernel.manager.provisioner.pid, signal.SIGINT)):
            stopped, waiting = kernel.run_and_stop(["SELECT 'waiting'"], stop)
            check((stopped["status"], stopped["ename"]), ("error", "InterruptedError"))
            check(waiting["status"], "aborted")
            check(kernel.rows("SELECT 5 AS five"), [{"five": 5}])
        # While a cell runs, the heart beats and the control channel answers.
        running = kernel.client.execute(ENDLESS)
        kernel.until_busy(running)
        address = kernel.client._make_url("hb")
        heart = zmq.Context.instance().socket(zmq.REQ)
        heart.connect(address)
        heart.send(b"still there?")
        assert heart.poll(PATIENCE * 1000), "no heartbeat"
        check(heart.recv(), b"still there?")
        heart.close(0)
        check(kernel.control("kernel_info_request")["msg_type"], "kernel_info_reply")
        check(kernel.control("interrupt_request")["content"]["status"], "ok")
        check(kernel.reply(running)["ename"], "InterruptedError")


def assist():
    with Kernel() as kernel:
        client = kernel.client
        kernel.run("CREATE TABLE städte (einwohner BIGINT, name VARCHAR)")

        def complete(code, position=None):
            return client.complete(code, position, reply=True, timeout=PATIENCE)["content"]

        # Positions count characters; the smiley is two units in JavaScript.
        code = "SELECT '😀', einw FROM städte"
        at = code.index("einw") + 4
        reply = complete(code, at)
        check((reply["matches"][0], code[reply["cursor_start"] : reply["cursor_end"]]), ("einwohner", "einw"))
        kind = reply["metadata"]["_jupyter_types_experimental"][0]
        check((kind["text"], kind["type"], kind["start"]), ("einwohner", "column", reply["cursor_start"]))
        assert "compact" in complete("%lake comp")["matches"], complete("%lake comp")
        assert any("städte" in match for match in complete("SELECT * FROM st")["matches"])
        check(complete("SELECT 1 zzzz")["matches"], [])

        def inspect(code, position):
            return client.inspect(code, position, reply=True, timeout=PATIENCE)["content"]

        reply = inspect(code, len(code) - 1)
        assert reply["found"] and "einwohner" in reply["data"]["text/markdown"], reply
        assert "Iceberg table" in reply["data"]["text/plain"], reply
        check(inspect("SELECT 1", 8)["found"], False)
        assert "expire" in inspect("%lake expire städte", 8)["data"]["text/markdown"]

        def is_complete(code):
            message = client.session.msg("is_complete_request", {"code": code})
            client.shell_channel.send(message)
            return kernel.reply(message["header"]["msg_id"])["status"]

        check([is_complete(c) for c in ("SELECT 1;", "%lake tables", "", "SELECT 1\n")], ["complete"] * 4)
        check([is_complete(c) for c in ("SELECT 1", "SELECT ';", "%%lake\ntables", "-- x")], ["incomplete"] * 3 + ["complete"])

        kernel.run("SELECT 'one'")
        kernel.run("SELECT 'two'")

        def history(**request):
            message = client.session.msg("history_request", {"raw": True, "output": False, **request})
            client.shell_channel.send(message)
            return [tuple(each[1:]) for each in kernel.reply(message["header"]["msg_id"])["history"]]

        check(history(hist_access_type="tail", n=1), [(3, "SELECT 'two'")])
        check(history(hist_access_type="range", session=0, start=2, stop=3), [(2, "SELECT 'one'")])
        check(history(hist_access_type="search", pattern="*o?e*"), [(2, "SELECT 'one'")])
        check(client.comm_info(reply=True, timeout=PATIENCE)["content"]["comms"], {})
        # A comm that is opened is closed at once: nobody is there to talk to.
        client.shell_channel.send(client.session.msg("comm_open", {"comm_id": "c", "target_name": "t", "data": {}}))
        while True:
            message = client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "comm_close":
                check(message["content"]["comm_id"], "c")
                break


def restart():
    with Kernel() as kernel:
        kernel.run("CREATE TABLE kept AS SELECT 1 AS a")
        kernel.run("-- name: gone\nSELECT 1 AS a")
        first = kernel.manager.provisioner.pid
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=PATIENCE)
        assert kernel.manager.provisioner.pid != first
        check(kernel.run("SELECT * FROM kept")[0]["execution_count"], 1)
        check(kernel.run("SELECT * FROM gone")[0]["status"], "error")
        # In order: the shut-down is answered and told, and the process ends by itself with 0.
        process = kernel.manager.provisioner.process
        kernel.client.shutdown(restart=False)
        check(process.wait(PATIENCE), 0)


def signatures():
    with Kernel() as kernel:
        client = kernel.client
        kernel.run("CREATE TABLE t AS SELECT 1 AS a")

        def drop(session, frames=None):
            socket = zmq.Context.instance().socket(zmq.DEALER)
            socket.connect(client._make_url("shell"))
            message = session.msg("execute_request", {"code": "DROP TABLE t", "silent": False})
            socket.send_multipart(frames or session.serialize(message))
            return socket

        stranger = Session(key=b"not the key")
        sockets = [drop(stranger), drop(Session(key=b""))]
        for frames in ([b"<IDS|MSG>"], [b"x"], [b"<IDS|MSG>", b"0" * 64, b"{", b"{}", b"{}", b"{}"], [b"<IDS|MSG>", b"", b"[]", b"{}", b"{}", b"{}"]):
            sockets.append(drop(stranger, frames))
        # The right signature a second time: somebody listened and sends it again.
        genuine = client.session.serialize(client.session.msg("execute_request", {"code": "INSERT INTO t VALUES (2)"}))
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.connect(client._make_url("shell"))
        socket.send_multipart(genuine)
        assert socket.poll(PATIENCE * 1000), "the genuine message was not answered"
        socket.recv_multipart()
        socket.send_multipart(genuine)
        # Messages of one socket come in order: an answer to the next one tells that nothing answers the one before.
        socket.send_multipart(client.session.serialize(client.session.msg("kernel_info_request", {})))
        assert socket.poll(PATIENCE * 1000)
        answer = client.session.deserialize(client.session.feed_identities(socket.recv_multipart())[1])
        check(answer["msg_type"], "kernel_info_reply")
        check(kernel.rows("SELECT count(*) AS n FROM t"), [{"n": 2}])
        for each in [*sockets, socket]:
            each.close(0)


def killed():
    """The engine's process is killed, then the whole kernel: both are told, and neither leaves a process behind."""
    with Kernel() as kernel:
        check(kernel.run("CREATE TABLE kept AS SELECT 1 AS a")[0]["status"], "ok")
        front = kernel.manager.provisioner.pid
        running = kernel.client.execute(ENDLESS)
        kernel.until_busy(running)
        os.kill(child_of(front), signal.SIGKILL)
        reply = kernel.reply(running)
        check(reply["status"], "error")
        assert "ended unexpectedly" in reply["evalue"], reply
        reply, outputs = kernel.run("SELECT * FROM kept")
        check((reply["status"], kinds(outputs)), ("ok", ["stream", "execute_result"]))
        assert "anew" in outputs[2][1]["text"], outputs
        check(kinds(kernel.run("SELECT 1")[1]), ["execute_result"])

        engine = child_of(front)
        running = kernel.client.execute(ENDLESS)
        kernel.until_busy(running)
        os.kill(front, signal.SIGKILL)
        until(lambda: not kernel.manager.is_alive())
        until(lambda: not exists(engine))
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=PATIENCE)
        check(kernel.rows("SELECT * FROM kept"), [{"a": 1}])


def orphan():
    """The program that started a kernel dies: the kernel ends too, also with an endless query."""
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        kernel = Kernel()
        kernel.until_busy(kernel.client.execute(ENDLESS))
        front = kernel.manager.provisioner.pid
        os.write(writing, json.dumps([front, child_of(front)]).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    pids = json.loads(os.read(reading, 100))
    os.waitpid(parent, 0)
    for pid in pids:
        until(lambda: not exists(pid))


def encrypted():
    """Both sides speak CurveZMQ when the client wants an encrypted transport."""
    with Kernel(transport_encryption="required") as kernel:
        assert kernel.manager.get_connection_info()["curve_publickey"]
        check(kernel.rows("SELECT 1 AS a"), [{"a": 1}])
        kernel.until_busy(kernel.client.execute(ENDLESS))
        kernel.manager.interrupt_kernel()


def child_of(pid):
    """The engine's process below the kernel's."""
    found = []

    def look():
        found[:] = [int(name) for name in os.listdir("/proc") if name.isdigit() and parent_of(name) == pid]
        return len(found) > 0

    until(look)
    return found[0]


def parent_of(name):
    try:
        with open(f"/proc/{name}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def exists(pid):
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(done):
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print(f"{sys.argv[1]}: as it should be")
