"""A service over the sample, on each store: started once for all tests."""

import os
import pathlib
import re
import subprocess
import tempfile
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]


def cabd(*arguments: str) -> None:
    subprocess.run([program(), *arguments], check=True, stdout=subprocess.DEVNULL)


def program() -> str:
    """The built command: `make test` puts it first on the PATH."""
    return os.environ.get("CABD", "cabd")


class Service:
    """`cabd serve` on a free port."""

    def __init__(self, store: str):
        self.process = subprocess.Popen(
            [program(), "serve", store, "--listen", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            raise RuntimeError(line + self.process.stderr.read())
        self.root = found.group(0).rstrip("/").removesuffix("/features")
        # The log must be read, or the service waits for a reader.
        self.log = tempfile.TemporaryFile("w+")
        self.copy = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=self.log)

    def end(self) -> str:
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.copy.wait(60)
        self.log.seek(0)
        return self.log.read()


def fill(store: str) -> None:
    cabd("init", store)
    for name in ("dams", "waterfalls", "fishways"):
        cabd("load", store, "--mapping", f"sample-{name}", str(ROOT / f"catalog/sample/{name}.csv"))


class Database:
    """A database of its own on the server that CABD_TEST_PG names; dropped at the end."""

    def __init__(self, server: str):
        self.name = f"cabd_py_{uuid.uuid4().hex[:12]}"
        self.server = server
        self.run(f"CREATE DATABASE {self.name}")
        head, _, _ = server.partition("?")
        self.url = head.rsplit("/", 1)[0] + "/" + self.name
        self.run("CREATE EXTENSION postgis", self.url)

    def run(self, sql: str, url: str | None = None) -> None:
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql, url or self.server], check=True)

    def drop(self) -> None:
        self.run(f"DROP DATABASE {self.name} WITH (FORCE)")
