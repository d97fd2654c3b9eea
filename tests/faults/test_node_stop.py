"""SIGTERM under load: what was begun is answered, what was not answered was not done, and the supervisor knows."""

import os
import socket
import threading
import time

import httpx
import node_tables
from node_process import Process
from node_world import World

from freehold.shell import daemon


def test_no_answer_is_lost_when_a_busy_node_is_told_to_stop(world: World, tmp_path, monkeypatch) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    node = Process(tmp_path / "node", world.rpc_url).start()
    assert told.recv(100) == b"READY=1"
    token = (node.home / "api-token").read_text().strip()
    url, answered, unanswered, stop = node.url, [], [], threading.Event()

    def publish(worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            path = node_tables.write(
                tmp_path / f"{worker}.csv", node_tables.make(24, seed=1000 * worker + number)
            )
            body = {"path": str(path), "label": node_tables.LABEL, "name": f"{worker}-{number}"}
            try:
                # a connection for each, so that none was kept open and idle
                with httpx.Client(trust_env=False, timeout=40) as client:
                    answer = client.post(
                        f"{url}/api/publish", json=body, headers={"authorization": f"Bearer {token}"}
                    )
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                unanswered.append(body["name"])
                return
            assert answer.status_code == 200, answer.text
            answered.append(body["name"])

    workers = [threading.Thread(target=publish, args=(number,)) for number in range(1, 7)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 20
    while len(answered) < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert node.terminate(30) == 0
    stop.set()
    for worker in workers:
        worker.join(30)
    assert told.recv(100) == b"STOPPING=1"
    told.close()
    again = Process(node.home, world.rpc_url).start()
    try:
        kept = {asset["name"] for asset in again.api("/assets")["assets"]}
        assert len(answered) >= 12
        assert kept == set(answered), "done and not answered, or answered and not done"
        assert not kept & set(unanswered)
    finally:
        again.terminate()


def test_nobody_is_told_where_nobody_asks(monkeypatch, tmp_path) -> None:
    for where in ("", "relative", str(tmp_path / "absent")):
        monkeypatch.setenv("NOTIFY_SOCKET", where)
        assert not daemon.tell("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"freehold-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert daemon.tell("READY=1")
        assert listener.recv(100) == b"READY=1"
