from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.charts.svg import (
    Frame,
    band,
    circle,
    element,
    path_commands,
    picture,
    polyline,
    rectangle,
    text,
)

XML_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF))


@given(XML_TEXT, XML_TEXT)
def test_text_and_attributes_read_back_whatever_they_hold(content: str, value: str) -> None:
    parsed = ET.fromstring(element("text", content, class_=value))  # noqa: S314  - our own text
    assert (parsed.text or "") == content
    assert parsed.attrib == {"class": value}


def test_names_of_nodes_are_escaped_everywhere() -> None:
    hostile = "<script>\"'&</script>"
    marks = [text((0, 0), hostile), rectangle((0, 0), (1, 1), "k", hostile), circle((0, 0), 1, "k", hostile)]
    drawn = picture(Frame(1, 1), hostile, hostile, marks)
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") == 6


def test_an_element_without_content_closes_itself_and_none_is_no_attribute() -> None:
    assert element("line", x1=1.0, y1=2.25, stroke_width=2, class_=None) == '<line x1="1" y1="2.2" stroke-width="2"/>'


def test_elements_nest() -> None:
    assert element("g", element("title", "a&b")) == "<g><title>a&amp;b</title></g>"


def test_a_line_is_interrupted_where_a_point_is_missing() -> None:
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, math.nan), (3.0, 4.0)]
    assert path_commands(points) == "M0 1L1 2 M3 4L3 4"
    assert polyline([(0.0, math.nan)], "k") == ""
    assert path_commands([]) == ""


def test_a_band_is_closed_and_interrupted_where_an_edge_is_missing() -> None:
    drawn = band([(0.0, 1.0), (1.0, 1.0), (2.0, math.nan)], [(0.0, 3.0), (1.0, 4.0), (2.0, 5.0)], "k")
    assert drawn == '<path d="M0 1L1 1L1 4L0 3Z" class="k"/>'
    assert band([], [], "k") == ""


@pytest.mark.parametrize(("start", "end"), [((5.0, 7.0), (1.0, 2.0)), ((1.0, 2.0), (5.0, 7.0))])
def test_a_rectangle_has_no_negative_size(start: tuple[float, float], end: tuple[float, float]) -> None:
    assert rectangle(start, end, "k") == '<rect x="1" y="2" width="4" height="5" class="k"/>'


def test_a_narrow_rectangle_is_still_visible() -> None:
    assert 'width="2"' in rectangle((1, 1), (1, 5), "k", min_width=2)


def test_a_picture_has_a_title_and_a_description() -> None:
    drawn = picture(Frame(30, 20), "what", "how", [])
    assert re.search(r'role="img" aria-label="what"', drawn)
    assert "<title>what</title><desc>how</desc>" in drawn
