"""A forked run is as a new process: its folder, environment, files, modules and end are its own."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.forkclient import ask

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def run(python, tmp_path):
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess:
        words, environment = (*python, *words), ENVIRONMENT | environment
        return subprocess.run(words, cwd=tmp_path, env=environment, input="in", capture_output=True, text=True)

    return run


def test_it_has_its_own_folder_environment_words_and_input(run, tmp_path):
    code = "import os, sys; assert 'torch' in sys.modules; print(os.getcwd(), dict(os.environ), sys.argv, input())"
    done = run("-c", code, "a b", MINE="1")
    assert done.stdout == f"{tmp_path.resolve()} {ENVIRONMENT | {'MINE': '1'}} ['-c', 'a b'] in\n", done.stderr


def test_modules_are_found_where_python_finds_them(run, tmp_path):
    for name in ("here", "path"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_module.py").write_text(f"print('{name}')")
    (tmp_path / "here" / "file.py").write_text("import here_module, path_module; print(__name__, __file__)")
    done = run("here/file.py", PYTHONPATH=str(tmp_path / "path"))
    assert done.stdout == "here\npath\n__main__ here/file.py\n", done.stderr
    assert "path_module" in run("-c", "import path_module").stderr
    assert run("-m", "here.here_module").stdout == "here\n"


def test_no_run_sees_what_another_did(run):
    run("-c", "import fewshot_bench, os; fewshot_bench.left = os.environ['LEFT'] = 'left'")
    done = run("-c", "import fewshot_bench, os; print(hasattr(fewshot_bench, 'left'), 'LEFT' in os.environ)")
    assert done.stdout == "False False\n"


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('a sentence')", 1, "a sentence\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import atexit, sys; atexit.register(print, 'at exit', file=sys.stderr)", 0, "at exit\n"),
    ],
)
def test_it_ends_as_python_does(code, status, says, run):
    done = run("-c", code)
    assert (done.returncode, done.stderr[-len(says) :] if says else done.stderr) == (status, says)


def test_an_interruption_goes_to_the_run(python):
    code = (
        "import time\ntry: print('runs', flush=True); time.sleep(600)\nexcept KeyboardInterrupt: raise SystemExit(130)"
    )
    with subprocess.Popen([*python, "-c", code], env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"runs\n"
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130


def test_a_number_of_threads_that_comes_too_late_is_refused(run):
    assert "OMP_NUM_THREADS is read when torch is loaded" in run("-c", "", OMP_NUM_THREADS="2").stderr


def test_the_end_of_the_server_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        listener.listen()
        threading.Thread(target=lambda: listener.accept()[0].close()).start()
        with Path(os.devnull).open() as null, pytest.raises(ConnectionError):
            ask("socket", [], {}, [null.fileno()] * 3)
