"""Guesses at the queries and headers around a fetch: orders that are told apart, hops, entity tags, lifetimes."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Accept, MultiDict

from imgsvc.dialects import proxy
from imgsvc.engine.recipe import parse
from imgsvc.errors import BadParameter, UrlNotAllowed
from imgsvc.fetch import Fetcher, Hosts, Rules
from imgsvc.fetch.freshness import LONGEST as LONGEST_LIFE
from imgsvc.fetch.freshness import lifetime
from imgsvc.hops import Hops
from imgsvc.remote import LONGEST, Order
from tests.safety.guesses import fuzzed

FETCHER = Fetcher(Rules(), "0a1b2c3d")
OWN = "1.1 imgsvc-0a1b2c3d"
VALUE = st.one_of(
    st.text(max_size=40),
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(
        ["auto", "avif", "WEBP", "1e9", "0x10", "１", "+5", " 5", "9" * 1001, "-0", "50 http://x/", "5;quick"]
    ),
)
QUERIES = st.lists(st.tuples(st.sampled_from([*proxy.PARAMETERS, "W", "url ", "x", "w\n"]), VALUE), max_size=5)
ACCEPTS = st.lists(st.tuples(st.text(max_size=12), st.floats(0, 1)), max_size=4).map(Accept)


@fuzzed(300)
@given(QUERIES, ACCEPTS)
def test_any_query_is_a_recipe_or_refused(pairs, accept):
    with suppress(BadParameter):
        recipe = proxy.read(MultiDict(pairs), accept)
        assert parse(recipe.key) == recipe
        assert len(recipe.key) < 100


PATHS = st.text(st.characters(codec="utf-8"), max_size=40)
RECIPES = st.tuples(st.integers(-5, 200), st.integers(0, 20_000), st.sampled_from(["webp", "avif", "auto"]))


@fuzzed(300)
@given(PATHS, PATHS, RECIPES, RECIPES)
def test_two_orders_share_a_key_only_where_they_are_one(one, other, first, second):
    def order(path, recipe):
        quality, width, form = recipe
        query = MultiDict({"q": str(quality), "w": str(width), "format": form})
        target = FETCHER.read("http://example.org/" + quote(path, safe=" %/?&=;"))
        return Order(target.url, proxy.read(query, Accept()), "proxy", Hosts())

    with suppress(UrlNotAllowed):
        a, b = order(one, first), order(other, second)
        assert (a.key == b.key) == (a == b)
        version, api, among, recipe, url = a.key.split(" ")
        assert (api, among, recipe, url) == ("proxy", "*", a.recipe.key, a.url)
        assert version


HOPS = st.lists(
    st.one_of(st.text(max_size=30), st.sampled_from(["1.1 a", "HTTP/2 b (c)", "1.0 imgsvc-ffffffff"])), max_size=5
)


@fuzzed(200)
@given(HOPS, HOPS)
def test_our_own_name_is_seen_among_any_hops(before, after):
    others = ",".join([*before, *after])
    known = "imgsvc-0a1b2c3d" in others.replace(",", " ").replace(";", " ").split()
    mine = ",".join([*before, OWN, *after])
    for hops, own in (
        (Hops(via=others), known),
        (Hops(cdn_loop=others), known),
        (Hops(mine), True),
        (Hops("", mine), True),
    ):
        assert FETCHER.is_own(hops) == own


ORDER = Order("http://example.org/", proxy.read(MultiDict(), Accept()), "proxy", Hosts())
TAG, _, END = ORDER.tag(2e9).partition("-")
NOW = 2e9 - 1000
ENDS = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("0123456789abcdefx_+- \u0661\xa0"), max_size=24),
    st.floats(0, 4e9).map(lambda end: f"{round(end * 1000):x}"),
)


@fuzzed(300)
@given(ENDS)
def test_any_tag_is_one_that_we_may_have_written_or_none(end):
    if ORDER.held([f"{TAG}-{end}"], NOW):
        assert end.isascii()
        assert 0 < int(end, 16) / 1000 - NOW <= LONGEST
        assert ORDER.tag(int(end, 16) / 1000) == f"{TAG}-{end.lstrip('0')}"


def test_its_own_tag_holds():
    assert ORDER.held([f"{TAG}-{END}"], NOW) == 2e9
    assert ORDER.held([f"{TAG}x-{END}", f"{TAG}-1", f"{TAG}-{END}", f"{TAG}-{'f' * 16}"], NOW) == 2e9
    assert ORDER.held([], NOW) is ORDER.held([f"{TAG}-{END}"], 2e9) is None


TOLD = st.dictionaries(
    st.sampled_from(["cache-control", "expires", "date", "age"]),
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["max-age", "s-maxage", "=", "1", "-1", "9" * 30, ",", '"', "no-store", " "])).map(
            "".join
        ),
        st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    ),
)


@fuzzed(300)
@given(TOLD)
def test_any_headers_give_a_lifetime_within_a_year(headers):
    seconds = lifetime(headers)
    assert seconds is None or 0 <= seconds <= LONGEST_LIFE
