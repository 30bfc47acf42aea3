"""The examples of the API's documentation, run as they are by curl, Python, Node and PHP."""

from __future__ import annotations

import json
import shutil
import subprocess
from io import BytesIO

import pytest
import requests
from PIL import Image

ENDPOINT = "https://img.klema.se/api/v1/optimize"
NODE = """
const fs = require('fs');
(async () => {
const form = new FormData();
form.append('image', new Blob([fs.readFileSync('bild.jpg')]), 'bild.jpg');
form.append('output_format', 'webp');
form.append('response', 'json');
const res = await fetch('https://img.klema.se/api/v1/optimize', {
method: 'POST',
headers: { 'X-API-Key': 'YOUR_API_KEY' },
body: form
});
const data = await res.json();
console.log(`Savings: ${data.savings_percent}%`);
console.log(JSON.stringify(data));
})();
"""
PHP = """
$ch = curl_init('https://img.klema.se/api/v1/optimize');
curl_setopt_array($ch, [
CURLOPT_POST => true,
CURLOPT_RETURNTRANSFER => true,
CURLOPT_HTTPHEADER => ['X-API-Key: YOUR_API_KEY'],
CURLOPT_POSTFIELDS => [
'image' => new CURLFile('bild.png'),
'output_format' => 'webp',
],
]);
$result = curl_exec($ch);
file_put_contents('optimerad.webp', $result);
curl_close($ch);
"""
CURL = {
    "optimise a PNG": (["-F", "image=@min-bild.png"], "PNG", (64, 48)),
    "JPEG to WebP": (["-F", "image=@foto.jpg", "-F", "output_format=webp"], "WEBP", (64, 48)),
    "scale and keep more": (["-F", "image=@foto.jpg", "-F", "ratio=32x32", "-F", "quality=3"], "JPEG", (32, 24)),
}


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture
def folder(tmp_path, picture):
    """The files that the examples name."""
    for name, kind in {"min-bild.png": "PNG", "bild.png": "PNG", "bild.jpg": "JPEG", "foto.jpg": "JPEG"}.items():
        (tmp_path / name).write_bytes(picture(kind, size=(64, 48)))
    return tmp_path


@pytest.fixture
def run(folder, server):
    """Runs a command in that folder, with the server's address and key in their places."""

    def go(*command: str) -> str:
        filled = [
            part.replace("YOUR_API_KEY", server.key).replace("https://img.klema.se", server.url) for part in command
        ]
        done = subprocess.run(filled, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return go


def seen(data: bytes) -> tuple[str | None, tuple[int, int]]:
    with Image.open(BytesIO(data)) as image:
        return image.format, image.size


@pytest.mark.parametrize("case", CURL)
def test_curl_gets_the_picture(run, folder, case):
    fields, kind, sides = CURL[case]
    run(need("curl"), "-sS", "-X", "POST", "-H", "X-API-Key: YOUR_API_KEY", *fields, "--output", "new", ENDPOINT)
    assert seen((folder / "new").read_bytes()) == (kind, sides)


def test_curl_gets_the_json_and_its_download(run, server):
    said = run(
        *(need("curl"), "-sS", "-X", "POST", "-H", "X-API-Key: YOUR_API_KEY"),
        *("-F", "image=@min-bild.png", "-F", "response=json", ENDPOINT),
    )
    data = json.loads(said)
    assert data["success"] is True
    file = requests.get(server.url + data["download_url"], timeout=30)
    assert (len(file.content), file.headers["Content-Type"]) == (data["optimized_size"], data["mime_type"])


def test_curl_with_the_key_in_the_query(run, folder):
    run(need("curl"), "-sS", "-F", "image=@foto.jpg", "--output", "new", f"{ENDPOINT}?api_key=YOUR_API_KEY")
    assert seen((folder / "new").read_bytes()) == ("JPEG", (64, 48))


def test_python_requests(folder, server):
    with (folder / "bild.png").open("rb") as image:
        response = requests.post(
            server.endpoint,
            headers={"X-API-Key": server.key},
            files={"image": image},
            data={"output_format": "webp"},
            timeout=60,
        )
    assert seen(response.content) == ("WEBP", (64, 48))
    assert float(response.headers["X-Savings-Percent"]) > 0


def test_node_fetch(run, server):
    said = run(need("node"), "-e", NODE)
    data = json.loads(said.splitlines()[-1])
    assert said.startswith(f"Savings: {data['savings_percent']}%")
    assert seen(requests.get(server.url + data["download_url"], timeout=30).content) == ("WEBP", (64, 48))


def test_php_curl(run, folder):
    php = need("php")
    if "curl" not in subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout.split():
        pytest.skip("php has no curl extension (Debian: php-curl)")
    run(php, "-r", PHP)
    assert seen((folder / "optimerad.webp").read_bytes()) == ("WEBP", (64, 48))


def test_a_wrong_key_is_told_so_in_json(server, picture):
    answer = requests.post(server.endpoint, headers={"X-API-Key": "nope"}, files={"image": picture()}, timeout=30)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid or missing API key."})
