"""Programs whose threads all wait, until somebody presses Ctrl-C: suspected of a deadlock, but not disturbed."""

import signal
import subprocess
import sys

PROGRAM = """
import threading

stop = threading.Event()


def work():
    stop.wait()
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
try:
    worker.join()
except KeyboardInterrupt:
    stop.set()
    worker.join()
"""


def test_ctrl_c_may_be_what_they_wait_for(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "manyhands", str(path)]
    # A process group of its own, which the terminal's Ctrl-C would reach as a whole.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        told = [program.stderr.readline() for _ in range(4)]
        assert told[0].startswith("manyhands: these threads have waited for one another for a second")
        assert 'for the end of thread "worker"' in told[1]
        assert told[3].startswith("unless somebody else ends one of these waits")
        program.send_signal(signal.SIGINT)
        out, error = program.communicate(timeout=60)
        assert (program.returncode, out, error) == (0, "the worker has ended\n", "")
