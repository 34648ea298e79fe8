"""The data folder of a stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stack.failure import Failure
from stack.folder import DataFolder, Part, State, replace


def test_the_data_live_in_the_checkout_unless_told_otherwise(tmp_path: Path) -> None:
    assert DataFolder.of({}, tmp_path).path == tmp_path / "var"
    assert DataFolder.of({"RELIEFPATH_DATA": "/somewhere/else"}, tmp_path).path == Path("/somewhere/else")
    assert DataFolder.of({"RELIEFPATH_DATA": "near"}, tmp_path).path == tmp_path / "near"


def test_only_one_stack_holds_a_folder_and_the_second_is_told_what_to_do(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "var")
    with folder.hold("up"):
        folder.tell(State(pid=4711, command="up", base_port=7400, started=0.0))
        with pytest.raises(Failure, match=r"already runs .*process 4711, make up.*make down.*before `make run`"):
            folder.hold("run").__enter__()
    with folder.hold("run"):
        pass


def test_a_stack_that_was_killed_holds_its_folder_no_longer(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from stack.folder import DataFolder, State\n"
        "folder = DataFolder(Path(sys.argv[1]))\n"
        "with folder.hold('up'):\n"
        "    folder.tell(State(os.getpid(), 'up', 7400, 0.0))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    folder = DataFolder(tmp_path)
    assert (tmp_path / "stack.json").exists()
    assert not folder.is_held()
    assert folder.state() is None


def test_what_is_told_is_what_is_read(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    state = State(1, "run", 7400, 12.5, True, [Part("kafka", 2, None, "kafka.log", 13.0, 1)], {"RELIEFPATH_X": "y"})
    with folder.hold("run"):
        folder.tell(state)
        assert folder.state() == state
    assert folder.state() is None


def test_a_folder_keeps_its_identity(tmp_path: Path) -> None:
    assert DataFolder(tmp_path).identity() == DataFolder(tmp_path).identity()


@pytest.mark.parametrize("card", ['{"layout": 0, "identity": "x"}', "{", '{"identity": "x"}'])
def test_a_folder_of_another_layout_is_refused_with_what_to_do(tmp_path: Path, card: str) -> None:
    (tmp_path / "folder.json").write_text(card)
    with pytest.raises(Failure, match=rf"another version of Reliefpath: move it away .*mv {tmp_path}"):
        DataFolder(tmp_path).identity()


def test_rows_without_their_events_are_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    servers = {"PostgreSQL": folder.postgres, "Kafka": folder.kafka}
    for home in servers.values():
        home.mkdir()
    folder.mark_whole(servers)
    folder.require_whole(servers)
    folder.kafka.rmdir()
    with pytest.raises(Failure, match=rf"The data of Kafka are gone .*\(rm -r {tmp_path}\)"):
        folder.require_whole(servers)


def test_an_interrupted_first_start_is_simply_continued(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.postgres.mkdir()
    folder.require_whole({"PostgreSQL": folder.postgres, "Kafka": folder.kafka})


def test_a_folder_whose_servers_are_all_gone_starts_afresh(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.mark_whole({"PostgreSQL": folder.postgres, "Kafka": folder.kafka})
    folder.require_whole({"PostgreSQL": folder.postgres, "Kafka": folder.kafka})


def test_two_folders_never_share_a_refuge(tmp_path: Path) -> None:
    assert DataFolder(tmp_path / "a").refuge != DataFolder(tmp_path / "b").refuge


def test_a_file_is_replaced_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    replace(tmp_path / "card", "old")
    replace(tmp_path / "card", "new", mode=0o600)
    assert (tmp_path / "card").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["card"]
