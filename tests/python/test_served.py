"""The service as programs of other people see it: validators, generated requests, curl, GDAL."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from openapi_spec_validator import validate
from owslib.ogcapi.features import Features


def get(service, path, **headers):
    request = urllib.request.Request(service.root + path, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_the_description_is_valid_openapi(service):
    status, _, body = get(service, "/openapi.json")
    assert status == 200
    document = json.loads(body)
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_no_generated_request_is_answered_with_a_fault_or_against_the_description(service):
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    program = Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [program, "run", f"{service.root}/openapi.json", "--checks", checks, "--phases", "examples,coverage,fuzzing",
         "--max-examples", "40", "--seed", "1", "--no-color", "--continue-on-failure"],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_curl_gets_packed_lists_and_is_told_that_it_has_them(service):
    url = f"{service.root}/features/dams?attributes=simple"
    head = ["curl", "-sS", "--compressed", "-D", "-", "-o", "/dev/null", url]
    text = subprocess.run(head, check=True, capture_output=True, text=True).stdout.lower()
    assert "200 ok" in text and "content-range: features 0-264/264" in text and "content-encoding:" in text
    tag = next(line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("etag: "))
    # The tag is hexadecimal behind its W/, in lower case.
    known = f"If-None-Match: {tag.replace('w/', 'W/', 1)}"
    text = subprocess.run([*head, "-H", known], check=True, capture_output=True, text=True).stdout
    assert "304" in text.splitlines()[0]


def test_gdal_reads_lists_in_every_form(service, tmp_path):
    url = f"{service.root}/features/barriers?bbox=-140,40,-50,70"
    info = subprocess.run(["ogrinfo", "-ro", "-so", "-al", url], check=True, capture_output=True, text=True).stdout
    assert "using driver `GeoJSON' successful" in info and "Geometry: Point" in info
    count = int(next(line for line in info.splitlines() if line.startswith("Feature Count")).split(":")[1])
    assert count > 300
    packed = tmp_path / "barriers.gpkg"
    subprocess.run(["ogr2ogr", "-f", "GPKG", packed, url], check=True)
    again = subprocess.run(["ogrinfo", "-ro", "-so", "-al", packed], check=True, capture_output=True, text=True).stdout
    assert f"Feature Count: {count}" in again
    csv = tmp_path / "barriers.csv"
    csv.write_bytes(get(service, "/features/barriers?bbox=-140,40,-50,70&format=csv")[2])
    info = subprocess.run(["ogrinfo", "-ro", "-so", "-al", csv], check=True, capture_output=True, text=True).stdout
    assert f"Feature Count: {count}" in info


def test_owslib_finds_collections_and_turns_their_pages(service):
    server = Features(f"{service.root}/ogc/")
    validate(server.api())
    assert any(c.endswith("/conf/geojson") for c in server.conformance()["conformsTo"])
    assert {"dams", "waterfalls", "fishways", "barriers"} <= set(server.feature_collections())
    found, page = [], server.collection_items("dams", limit=100)
    while True:
        found += [feature["id"] for feature in page["features"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        status, _, body = get(service, following[0].removeprefix(service.root))
        assert status == 200
        page = json.loads(body)
    assert len(found) == len(set(found)) == page["numberMatched"] == 264
    assert server.collection_item("dams", found[0])["properties"]["cabd_id"] == found[0]
    quebec = server.collection_items("dams", bbox=[-80, 44, -57, 63], limit=1)
    assert 0 < quebec["numberMatched"] < 264


def test_gdal_reads_collections_by_box_and_attribute(service):
    def count(layer, *options):
        command = ["ogrinfo", "-ro", "-so", *options, f"OAPIF:{service.root}/ogc", layer]
        info = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return int(next(line for line in info.splitlines() if line.startswith("Feature Count")).split(":")[1]), info

    every, info = count("dams")
    assert every == 264 and "Geometry: Point" in info and "dam_name_en: String" in info
    assert 0 < count("dams", "-spat", "-80", "44", "-57", "63")[0] < every
    assert 0 < count("dams", "-where", "province_territory_code = 'qc'")[0] < every


def test_the_interface_for_people_asks_nobody_else(service):
    status, headers, body = get(service, "/api-docs/")
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    assert b"http://" not in body and b"https://" not in body
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        plain = get(service, f"/api-docs/{name}")
        packed = get(service, f"/api-docs/{name}", **{"Accept-Encoding": "gzip"})
        assert plain[0] == packed[0] == 200 and (name == "start.js" or len(packed[2]) < len(plain[2]) / 3)
