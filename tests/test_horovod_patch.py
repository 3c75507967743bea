"""patches/horovod-0.28.1.patch: what strangers can do to a job, tried over loopback; each test fails without it.

127.0.0.2 stands for every other address of this machine: what listens on all interfaces listens there, too.
"""

import base64
import contextlib
import http.client
import json
import os
import pickle
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from horovod.runner import gloo_run
from horovod.runner.common.util import network, secret
from horovod.runner.elastic import rendezvous, worker
from horovod.runner.http import http_client, http_server

from flowconv.preflight import rendezvous as preflight_rendezvous
from tests.resilience.test_elastic import elastic
from tests.runs import ROOT, Running

KEY = bytes(range(32))
HOSTS = ["127.0.0.1", "127.0.0.2"]


class Marking:
    """An object whose pickle, once read, leaves a file."""

    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return Path.touch, (self._marker,)


def request(method, host, port, path, body=b""):
    """Sends a request; returns its status, or None if nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@pytest.fixture
def driver():
    """The server of an elastic driver, and what it has been told."""
    told = []
    server = http_server.RendezvousServer(0, KEY)
    port, address = server.start(
        "127.0.0.1",
        rendezvous.create_rendezvous_handler(
            SimpleNamespace(register_worker_server=lambda *arguments: told.append(arguments))
        ),
    )
    server.init([])
    yield SimpleNamespace(
        port=port, address=address, token=address.split("/")[1], told=told, stored=server._httpd.cache
    )
    server.stop()


def strangers_paths(scope):
    wrong = secret.make_token(b"another job's")
    return [f"/{scope}/localhost:0", f"//{scope}/localhost:0", f"/{wrong}/{scope}/localhost:0"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("scope", ["worker_addresses", "rank_and_size", "global"])
def test_a_request_without_the_token_is_refused(driver, method, scope):
    for path in strangers_paths(scope):
        assert request(method, "127.0.0.1", driver.port, path, b"{}") in (400, 403, 501)
    assert driver.told == [] and driver.stored == {}


def test_a_request_with_the_token_in_either_form_is_served(driver):
    for number, token in enumerate([driver.token, f"{driver.token}:{driver.port}"]):
        assert request("PUT", "127.0.0.1", driver.port, f"/{token}/global/{number}", b"value") == 200
        assert request("GET", "127.0.0.1", driver.port, f"/{token}/global/{number}") == 200
        assert driver.stored["global"][str(number)] == b"value"
        assert request("DELETE", "127.0.0.1", driver.port, f"/{token}/global/{number}") == 200
    assert driver.stored == {}


def test_the_driver_reads_workers_addresses_as_json_and_signs_with_the_jobs_key(driver):
    http_client.put_bytes(
        f"http://{driver.address}:{driver.port}/worker_addresses/localhost:3",
        json.dumps({"lo": [["127.0.0.1", 4567]]}).encode(),
    )
    assert driver.told == [("localhost", 3, {"lo": [("127.0.0.1", 4567)]}, KEY)]


@pytest.mark.parametrize("encode", [bytes, base64.b64encode])
def test_no_pickle_is_read_even_with_the_token(driver, tmp_path, encode):
    body = encode(pickle.dumps(Marking(tmp_path / "marker")))
    path = f"/{driver.token}/worker_addresses/localhost:0"
    assert request("PUT", "127.0.0.1", driver.port, path, body) == 400
    assert not (tmp_path / "marker").exists() and driver.told == []


def test_a_result_that_the_job_did_not_sign_is_not_read(tmp_path):
    server = http_server.KVStoreServer(0, KEY)
    port = server.start_server("127.0.0.1")
    try:
        http_client.put_data_into_kvstore("127.0.0.1", port, "runfunc", "0", [1, "two"], KEY)
        assert http_client.read_data_from_kvstore("127.0.0.1", port, "runfunc", "0", KEY) == [1, "two"]
        forged = bytes(32) + base64.b64encode(pickle.dumps(Marking(tmp_path / "marker")))
        http_client.put_bytes(f"http://127.0.0.1:{port}/{secret.make_token(KEY)}/runfunc/0", forged)
        with pytest.raises(RuntimeError, match="digest"):
            http_client.read_data_from_kvstore("127.0.0.1", port, "runfunc", "0", KEY)
        assert not (tmp_path / "marker").exists()
    finally:
        server.shutdown_server()


def listens(host, port):
    with contextlib.suppress(ConnectionError), socket.create_connection((host, port), timeout=10):
        return True
    return False


def test_servers_and_services_listen_on_the_chosen_interface_alone(driver):
    store = http_server.KVStoreServer(0, KEY)
    services = [
        network.BasicService("any", KEY, {"lo"}),
        worker.WorkerNotificationService(KEY, ["lo"], manager=None),
    ]
    try:
        ports = [driver.port, store.start_server("127.0.0.1"), *(service.get_port() for service in services)]
        assert [[listens(host, port) for host in HOSTS] for port in ports] == [[True, False]] * len(ports)
        assert all(service.addresses() == {"lo": [("127.0.0.1", service.get_port())]} for service in services)
    finally:
        store.shutdown_server()
        for service in services:
            service.shutdown()


def test_a_shell_elsewhere_gets_every_value_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {
        "A": "it's\n$(touch marker) `touch marker`",
        "UID": "5",
        "a.b": "no name",
        secret.HOROVOD_SECRET_KEY: "ab",
    }
    script = gloo_run._remote_script(
        f"{sys.executable} -c 'import os; print([os.environ[\"A\"], os.getcwd()])'", values
    )
    shown = os.popen(f"/bin/sh <<'END OF SCRIPT'\n{script}\nEND OF SCRIPT").read()
    assert shown == f"{[values['A'], str(tmp_path)]}\n" and not list(tmp_path.iterdir())


WAITING = "import os, time; print('secret is', os.environ['A_SECRET'], flush=True); time.sleep(600)"
SSH = """#!/bin/sh
while [ "$1" = "-o" ]; do shift 2; done
shift  # the host
while [ "$1" = "-o" ]; do shift 2; done
exec env -u A_SECRET sh -c "$*"
"""


def processes(job):
    return [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]


def of_processes(job, read):
    """Reads of each process of a job, but of one that ends meanwhile, as a script that finds hosts does."""
    found = []
    for process in processes(job):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie's error is one of these
            found.append(read(process))
    return found


def command_lines(job):
    return "\n".join(" ".join(line) for line in of_processes(job, psutil.Process.cmdline))


def test_no_secret_stands_on_a_command_line(tmp_path):
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    hosts = ["-H", "localhost:1,elsewhere.invalid:1", "--network-interfaces", "lo", "--disable-cache", "--verbose"]
    command = ["horovodrun", "--gloo", "-np", "2", *hosts, "python", "-c", WAITING]
    with Running(*command, PATH=path, A_SECRET="s3cr3t") as job:
        assert job.wait_for("secret is s3cr3t", count=2), job.output
        shown = command_lines(job)
        environments = of_processes(job, psutil.Process.environ)[1:]
        keys = {each[secret.HOROVOD_SECRET_KEY] for each in environments if "HOROVOD_RANK" in each}
    assert "A_SECRET" in shown and "s3cr3t" not in shown and job.output.count("s3cr3t") == 2
    assert len(keys) == 1 and keys.pop() not in shown + job.output


def listeners(job):
    """The addresses where the processes of a job listen."""
    connections = of_processes(job, psutil.Process.net_connections)
    return sorted({one.laddr for each in connections for one in each if one.status == psutil.CONN_LISTEN})


def test_an_attack_on_an_elastic_job_does_nothing_and_the_job_goes_on(tmp_path):
    marker = tmp_path / "marker"
    body = base64.b64encode(pickle.dumps(Marking(marker)))  # as Horovod's own clients send it without the patch
    addresses = {one.address for all_of_one in psutil.net_if_addrs().values() for one in all_of_one}
    inet = [address for address in addresses if address.count(".") == 3]
    with elastic(tmp_path, tmp_path / "run", ["localhost:1"], **{"train.images": 1280}) as job:
        assert job.wait_for("1 × 16 images a step") and job.wait_for("bits/dim", 2), job.output
        found = listeners(job)
        answers = {
            request(method, host, port, f"/{scope}/localhost:0", body)
            for _, port in found
            for host in {*inet, *HOSTS}
            for scope in ("worker_addresses", "rank_and_size")
            for method in ("PUT", "GET")
        }
        assert not marker.exists()
        assert {host for host, _ in found} == {"127.0.0.1"} and answers <= {400, 403, None}
        assert secret.HOROVOD_SECRET_KEY not in command_lines(job)
        assert job.wait_for("test bits/dim", seconds=200) and job.wait(60) == 0, job.output
    assert not marker.exists()


@pytest.mark.parametrize(
    "address, elastic, found, announced",
    [
        (None, "", "horovodrun, which would be closed to strangers", None),
        ("10.0.0.1:99/0a1b", "", "horovodrun at 10.0.0.1:99 (eth3), the job's own processes alone can use it", None),
        ("10.0.0.1:99/0a1b", "1", "horovodrun at 10.0.0.1:99 (eth3), the job's", "workers join through horovodrun at"),
        (
            "10.0.0.1",
            "",
            "anybody can use it, since patches/horovod-0.28.1.patch is not applied",
            "warning: horovodrun",
        ),
    ],
)
def test_doctor_and_a_start_tell_where_ranks_meet_and_who_can_take_part(
    monkeypatch, address, elastic, found, announced
):
    monkeypatch.setenv("HOROVOD_GLOO_IFACE", "eth3")
    monkeypatch.setenv("HOROVOD_ELASTIC", elastic)
    monkeypatch.delenv("HOROVOD_GLOO_RENDEZVOUS_ADDR", raising=False)
    if address is not None:
        monkeypatch.setenv("HOROVOD_GLOO_RENDEZVOUS_ADDR", address)
    assert found in preflight_rendezvous.check()
    said = preflight_rendezvous.announcement()
    assert said is None if announced is None else said.startswith(announced)


def test_the_patch_names_no_file_that_is_not_python():
    names = [line.split()[1] for line in (ROOT / "patches/horovod-0.28.1.patch").open() if line.startswith("+++ ")]
    assert names and all(name.endswith(".py") for name in names)  # install.sh applies it to what is built already
