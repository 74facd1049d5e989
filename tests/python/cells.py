"""A kernel that runs cells one by one, with manyhands in force; what each cell came to; and what the kernel leaves.

The kernel is a real one of ipykernel's, started by jupyter_client's own machinery.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field

from observed import LIMIT, carrying

__all__ = ["Kernel"]

MARK = "MANYHANDS_KERNEL_MARK"


@dataclass
class Came:
    """What a cell came to."""

    output: str = ""
    errors: str = ""
    #: The class of the exception that ended it.
    raised: str | None = None
    text: str = ""
    values: list[str] = field(default_factory=list)


class Kernel:
    """A kernel under the launcher, or a plain one that has loaded the extension."""

    def __init__(self, folder, how, method):
        from jupyter_client import KernelManager
        from jupyter_client.kernelspec import KernelSpecManager

        launcher = ["-m", "manyhands", "run", "--start-method", method] if how == "launcher" else []
        command = [sys.executable, *launcher, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        place = folder / "kernels" / "manyhands"
        place.mkdir(parents=True)
        spec = {"argv": command, "display_name": "manyhands", "language": "python"}
        (place / "kernel.json").write_text(json.dumps(spec))
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        environment = {**os.environ, MARK: self.mark, "IPYTHONDIR": str(folder / "ipython")}
        # With these a kernel does not show what its children print, or shows it in pieces.
        for name in ("PYTEST_CURRENT_TEST", "PYTHONUNBUFFERED"):
            environment.pop(name, None)
        specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
        self.manager = KernelManager(kernel_name="manyhands", kernel_spec_manager=specs)
        self.manager.start_kernel(env=environment, cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)
        #: What came for each cell, by the number of its message.
        self.came = {}
        if how == "extension":
            begun = f"%load_ext manyhands\nimport multiprocessing\nmultiprocessing.set_start_method({method!r})"
            assert self.run(begun) == Came()

    def close(self, now=False):
        """Ends the kernel: as the menu does it, or at once."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)
        self.manager.cleanup_resources()

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def processes(self):
        """The processes that came from this kernel, without itself."""
        return [pid for pid in carrying(MARK, self.mark) if pid != self.pid]

    def begin(self, cell):
        """Sends a cell; gives its number."""
        number = self.client.execute(cell)
        self.came[number] = Came()
        return number

    def listen(self, until, limit=LIMIT):
        """Takes what the kernel says until that is true of a message."""
        end = time.monotonic() + limit
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.0, end - time.monotonic()))
            came = self.came.get(message["parent_header"].get("msg_id"), Came())
            content = message["content"]
            if message["msg_type"] == "stream":
                if content["name"] == "stdout":
                    came.output += content["text"]
                else:
                    came.errors += content["text"]
            elif message["msg_type"] == "error":
                came.raised, came.text = content["ename"], content["evalue"]
            elif message["msg_type"] == "execute_result":
                came.values.append(content["data"]["text/plain"])
            if until(message):
                return

    def end(self, number, limit=LIMIT):
        """Waits until the cell has ended; gives what it came to."""

        def is_idle(message):
            is_it = message["parent_header"].get("msg_id") == number
            return is_it and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"

        self.listen(is_idle, limit)
        return self.came[number]

    def run(self, cell, limit=LIMIT):
        """Runs a cell; gives what it came to."""
        return self.end(self.begin(cell), limit)

    def hear(self, number, text, times=1):
        """Waits until the cell's output, or what it wrote to standard error, has that text so many times."""
        came, end = self.came[number], time.monotonic() + LIMIT
        while (came.output + came.errors).count(text) < times:
            self.listen(lambda message: True, end - time.monotonic())

    def interrupt(self):
        """What the stop button does."""
        self.manager.interrupt_kernel()
