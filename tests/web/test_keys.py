"""Who is let in, and in which order the reasons not to are given (K01-K03, K31, K32)."""

from __future__ import annotations

import pytest

BAD = {"error": "Invalid or missing API key."}
WRONG = "opt_" + "A" * 43


@pytest.mark.parametrize("header", ["X-API-Key", "x-api-key", "X-Api-KEY"])
def test_a_key_in_the_header_opens_whatever_its_case(site, photo, header):
    assert site.post(photo, headers={header: site.key}).status_code == 200


def test_a_key_in_the_query_opens(site, photo):
    assert site.post(photo, path=f"/api/v1/optimize?api_key={site.key}", headers={}).status_code == 200


def test_a_bearer_token_opens(site, photo):
    assert site.post(photo, headers={"Authorization": f"Bearer {site.key}"}).status_code == 200


def test_a_key_in_the_form_does_not_open(site, photo):
    assert site.post(photo, headers={}, api_key=site.key).status_code == 401


@pytest.mark.parametrize(("header", "query", "status"), [("right", "wrong", 200), ("wrong", "right", 401)])
def test_the_header_wins_over_the_query(site, photo, header, query, status):
    words = {"right": site.key, "wrong": WRONG}
    path = f"/api/v1/optimize?api_key={words[query]}"
    assert site.post(photo, path=path, headers={"X-API-Key": words[header]}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "opt_"},
        {"X-API-Key": WRONG},
        {"X-API-Key": "\x7f\xff"},
        {"Authorization": "Basic b3B0Xzpv"},
        {"Authorization": "Bearer " + WRONG},
    ],
)
def test_no_key_and_a_wrong_key_get_the_same_sentence(site, photo, headers):
    answer = site.post(photo, headers=headers)
    assert (answer.status_code, answer.json) == (401, BAD)


def test_a_revoked_key_is_forbidden(site, photo):
    key, secret = site.issue_secret()
    assert site.post(photo, headers={"X-API-Key": secret}).status_code == 200
    site.revoke(key)
    answer = site.post(photo, headers={"X-API-Key": secret})
    assert answer.status_code == 403
    assert "disabled" in answer.json["error"]


def test_a_switched_off_api_is_forbidden_with_any_key_or_none(found, photo):
    site = found(api_enabled=False)
    for headers in ({"X-API-Key": site.key}, {"X-API-Key": WRONG}, {}):
        answer = site.post(photo, headers=headers)
        assert (answer.status_code, answer.json) == (403, {"error": "The API is disabled."})
    assert site.get("/api/v1/optimize").status_code == 405


def test_the_method_is_judged_before_the_key_and_the_key_before_the_form(site):
    key, secret = site.issue_secret()
    site.revoke(key)
    assert site.get("/api/v1/optimize").status_code == 405
    assert site.post(headers={"X-API-Key": WRONG}, quality="99").status_code == 401
    assert site.post(headers={"X-API-Key": secret}, quality="99").status_code == 403
    assert site.post(quality="99").status_code == 400


def test_public_use_needs_no_key_but_takes_no_wrong_one(found, photo):
    site = found(public=True)
    assert site.post(photo, headers={}).status_code == 200
    assert site.post(photo, headers={"X-API-Key": ""}).status_code == 200
    assert site.post(photo, headers={"X-API-Key": WRONG}).status_code == 401


def test_public_use_is_limited_by_address_and_minute(found, photo):
    site = found(public=True, public_per_minute=2)
    first, other = {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "203.0.113.10"}

    def ask(environ, headers):
        return site.ask("POST", "/api/v1/optimize", environ_overrides=environ, headers=headers)

    assert [ask(first, {}).status_code for _ in range(3)] == [400, 400, 429]
    answer = ask(first, {})
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "minute" in answer.json["error"]
    assert ask(other, {}).status_code == 400
    assert ask(first, {"X-API-Key": site.key}).status_code == 400
    site.clock.now += 61
    assert ask(first, {}).status_code == 400


def test_addresses_of_one_ipv6_network_are_one_visitor(found):
    site = found(public=True, public_per_minute=1)

    def ask(address):
        return site.ask("POST", "/api/v1/optimize", environ_overrides={"REMOTE_ADDR": address}).status_code

    assert [ask("2001:db8:1:1::1"), ask("2001:db8:1:1:ffff::2"), ask("2001:db8:1:2::1")] == [400, 429, 400]
    assert [ask("198.51.100.7"), ask("::ffff:198.51.100.7")] == [400, 429]


@pytest.mark.parametrize(("hops", "statuses"), [(0, [400, 429]), (1, [400, 400])])
def test_the_address_comes_from_a_proxy_only_where_one_is_trusted(found, hops, statuses):
    site = found(public=True, public_per_minute=1, proxy_hops=hops)
    visitors = ("203.0.113.1", "203.0.113.2")
    asked = [site.ask("POST", "/api/v1/optimize", headers={"X-Forwarded-For": one}) for one in visitors]
    assert [answer.status_code for answer in asked] == statuses


def test_what_a_client_says_of_its_own_address_before_the_proxy_does_is_not_believed(found):
    site = found(public=True, public_per_minute=1, proxy_hops=1)

    def ask(*hops):
        return site.ask("POST", "/api/v1/optimize", headers={"X-Forwarded-For": ", ".join(hops)}).status_code

    assert [ask("198.51.100.1", "203.0.113.1"), ask("198.51.100.2", "203.0.113.1")] == [400, 429]
    assert ask("203.0.113.1", "203.0.113.2") == 400


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("203.0.113.1:4711", "203.0.113.1", "203.0.113.2:4711"),
        ("[2001:db8:1:1::1]:443", "2001:db8:1:1::2", "[2001:db8:1:2::1]"),
        ("nonsense", "1.2.3.4.5:80\t\x7f", "203.0.113.3"),
    ],
)
def test_visitors_are_told_apart_where_a_proxy_tells_their_port(found, first, same, other):
    site = found(public=True, public_per_minute=1, proxy_hops=1)
    asked = [
        site.ask("POST", "/api/v1/optimize", headers={"X-Forwarded-For": address}).status_code
        for address in (first, same, other)
    ]
    assert asked == [400, 429, 400]
