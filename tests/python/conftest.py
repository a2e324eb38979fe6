import os

import pytest

from served import Database, Service, fill

STORES = ["spatialite"] if os.environ["CABD_TEST_PG"] == "skip" else ["spatialite", "postgis"]


@pytest.fixture(scope="session", params=STORES)
def service(request, tmp_path_factory):
    """A running service over the sample; its log must be clean at the end."""
    database = None
    if request.param == "postgis":
        database = Database(os.environ["CABD_TEST_PG"])
        store = database.url
    else:
        store = str(tmp_path_factory.mktemp("served") / "inventory.sqlite")
    try:
        fill(store)
        service = Service(store)
        yield service
        log = service.end()
        assert " 500 " not in log and "panicked" not in log, log[-4000:]
    finally:
        if database:
            database.drop()
