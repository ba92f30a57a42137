"""Source to segments and back."""

import ast
import gc
import keyword
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import GenomeError, InputError
from harness.evolution.genome import MARKER, Genome, Segment, read_network, read_unjudged
from harness.sandbox.parser import syntax_tree

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)
lines = st.text(st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["C"]))
texts = st.lists(lines.filter(lambda s: not s.startswith(MARKER.strip())), max_size=4).map(
    lambda parts: "\n".join(parts).strip("\n")
)


@given(header=texts, segments=st.dictionaries(names, texts, min_size=1, max_size=4))
def test_parsing_the_source_gives_the_genome_back(header, segments):
    genome = Genome(
        header=header, segments=tuple(Segment(name=n, source=s) for n, s in segments.items())
    )
    assert Genome.parse(genome.source) == genome


@given(texts)
def test_replacing_a_segment_changes_no_other(source):
    genome = Genome.parse("import a\n\n\n# segment: A\nx = 1\n\n\n# segment: B\ny = 2\n")
    changed = genome.replace("A", source)
    assert changed["A"] == source
    assert changed["B"] == genome["B"]
    assert changed.header == genome.header


def test_the_seed_is_written_as_it_is_printed(network, network_path):
    assert network.source == network_path.read_text()


def test_comments_and_formatting_do_not_make_another_genome(network):
    same = network.replace("DW", network["DW"].replace("x):", "x ):  # a comment"))
    other = network.replace("DW", network["DW"].replace("Hardswish", "ReLU"))
    assert same.digest == network.digest
    assert other.digest != network.digest
    assert other.differing(network) == ("DW",)
    assert same.differing(network) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n", "at least one evolvable segment"),
        ("# segment: A\nx = 1\n# segment: A\ny = 2\n", "every segment name once"),
    ],
)
def test_unusable_sources_say_what_was_expected(text, told):
    with pytest.raises(GenomeError, match=told):
        Genome.parse(text, origin="net.py")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x = 1\n\n\n\n\n# segment: A\ndef A()\n", "SyntaxError: expected ':' (line 7)"),
        (b"# segment: A\n x = 1\n", "IndentationError: unexpected indent (line 2)"),
        (b"# segment: A\n# \xff\n", "bytes that are no UTF-8 (line 2)"),
        (b"# segment: A\n# " + b"x" * 70_000, "at most 65536 bytes of source"),
    ],
)
def test_a_seed_network_that_does_not_parse_is_refused_with_its_file_and_line(
    tmp_path, content, told
):
    file = tmp_path / "net.py"
    file.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_network(file)
    assert str(refused.value).startswith(f"{file}: expected a network's Python file, found ")
    assert told in str(refused.value)
    assert read_unjudged(file).names == ("A",)  # the gates say what is wrong with it


def test_sources_are_parsed_in_many_threads_at_once(network):
    """Where a collection's callback lets another thread run, bare ``ast.parse`` fails at times."""

    def give_way(*_):
        time.sleep(0)

    threshold = gc.get_threshold()
    gc.callbacks.append(give_way)
    gc.set_threshold(100)
    try:
        with ThreadPoolExecutor(8) as pool:
            trees = list(pool.map(syntax_tree, [network.source] * 300))
    finally:
        gc.callbacks.remove(give_way)
        gc.set_threshold(*threshold)
    assert len({ast.unparse(tree) for tree in trees}) == 1
