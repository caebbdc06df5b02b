"""Recipes: strict, and every mistake is said with its line, its key and what to do."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builder.errors import RecipeError
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_file import load_recipe
from builder.recipe_parts import FilterStage, RewriteStage
from builder.resources import RECIPES, recipe_names, recipe_path
from builder.sources import FilesSource, ParquetSource

RECIPE = """\
name: mine
source:
  kind: files
  path: code
  glob: "**/*.py"

stages:
  - {name: syntax, filter: syntax}
  - name: lint
    filter: lint
    min_score: 7.0
  - name: better
    rewrite: prompt.md
    sampling:
      temperature: 0.1

release:
  configs:
    default: better
    ablation: lint
  license: llama3.3
"""

PROMPT = """\
---
id: mine
version: 1
answer: {format: code}
sampling: {temperature: 0.5, max_tokens: 99}
---
<!-- user -->
{{ text }}
"""

SEVERAL = """\
source:
  - kind: files
    name: one
    path: code
  - kind: parquet
    name: two
    path: rows.parquet
"""

FILTER = "filter: lint\n    min_score: 7.0"
READS = "filter: score\n    column: {}\n    minimum: 7"
FIX, LINE = "correct it", "this line"
ONE = RECIPE[RECIPE.index("source:") : RECIPE.index("\nstages:")]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the recipe with one thing changed."""

    def written(old: str = "", new: str = "", recipe: str = RECIPE) -> Path:
        assert recipe.count(old) == 1 or not old
        (tmp_path / "prompt.md").write_text(PROMPT)
        path = tmp_path / "mine.yaml"
        path.write_text(recipe.replace(old, new) if old else recipe)
        return path

    return written


def refusal(path: Path | str, *settings: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path), settings)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return caught.value


def test_a_recipe_is_read_whole(write: Callable[..., Path]) -> None:
    loaded = load_recipe(str(write()))
    recipe = loaded.recipe
    syntax, lint, better = recipe.stages
    assert isinstance(lint, FilterStage)
    assert isinstance(better, RewriteStage)
    assert (syntax.name, loaded.filters["lint"].model_dump()) == ("syntax", {"min_score": 7.0})
    assert recipe.release.configs == {"default": "better", "ablation": "lint"}
    assert loaded.prompt_files == {"better": PROMPT}
    sampling = loaded.sampling(better)
    assert (sampling.temperature, sampling.max_tokens) == (0.1, 99)  # the stage's, then the prompt's


# --- what is wrong, where, and what to do ---


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "remedy"),
    [
        # unknown keys, at every depth
        ("name: mine\n", "name: mine\nrelese:\n  configs: {}\n", 2, "unknown key 'relese'", "'release'"),
        ("  glob:", "  globb:", 5, "unknown key 'source.globb'", "'glob'"),
        ("  path: code", "  pth: code", 4, "unknown key 'source.pth'", "'path'"),
        ("min_score", "min_scor", 11, "unknown key 'stages.1.min_scor'", "'min_score'"),
        ("filter: syntax}", "filter: syntax, pyton: '3.10'}", 8, "unknown key 'stages.0.pyton'", "'python'"),
        ("    sampling:", "    samplng:", 14, "unknown key 'stages.2.samplng'", "'sampling'"),
        ("temperature:", "temprature:", 15, "unknown key 'stages.2.sampling.temprature'", "'temperature'"),
        ("  license:", "  licence:", 21, "unknown key 'release.licence'", "'license'"),
        ("name: mine\n", "name: mine\nzzz: 1\n", 2, "unknown key 'zzz'", "known here: exclude, model, name"),
        # wrong types and values
        ("min_score: 7.0", "min_score: high", 11, "stages.1.min_score: ", FIX),
        ("min_score: 7.0", "min_score: '7'", 11, "stages.1.min_score: ", FIX),
        ("temperature: 0.1", "temperature: 3", 15, "stages.2.sampling.temperature: ", FIX),
        ("path: code", "path: [code]", 4, "source.path: ", FIX),
        ('glob: "**/*.py"', "glob: {a: b}", 5, "source.glob: ", FIX),
        ('glob: "**/*.py"', "encoding: utf-99", 5, "source.encoding: there is no encoding 'utf-99'", FIX),
        ("name: mine", "name: My Recipe", 1, "name: ", FIX),
        ("name: better", "name: 2nd", 12, "stages.2.name: ", FIX),
        ("    default: better", "    default: [better]", 19, "release.configs.default: ", FIX),
        ("rewrite: prompt.md", "rewrite: prompt.md\n    on_failure: retry", 14, "stages.2.on_failure: ", FIX),
        (ONE, "source: code\n", 2, "source: ", FIX),
        ("    ablation: lint", "    ablation/exp2: lint", 20, "a config's name is made of letters", FIX),
        ("    ablation: lint", "    ../out: lint", 20, "a config's name is made of letters", FIX),
        ("  license: llama3.3", "  license: mit\n  held_out: 0.1\n  split: test", 23, "the split 'test'", FIX),
        # missing keys
        ("name: mine\n", "", 1, "'name' is missing", "add it"),
        ("  path: code\n", "", 2, "'source.path' is missing", "add it"),
        ("  - name: lint\n    filter", "  - filter", 9, "'stages.1.name' is missing", "add it"),
        ("  license: llama3.3\n", "", 17, "'release.license' is missing", "add it"),
        # names that are not there
        ("filter: lint", "filter: lnt", 10, "there is no filter 'lnt'; there are syntax, lint", FIX),
        ("rewrite: prompt.md", "rewrite: promt.md", 13, "there is no prompt 'promt.md'", "name a .md file"),
        ("rewrite: prompt.md", "rewrite: nope", 13, "there is no prompt 'nope'", "demo-code"),
        ("kind: files", "kind: fles", 2, "source: Input tag 'fles'", FIX),
        ("    ablation: lint", "    ablation: lnt", 20, "release.configs.ablation: there is no stage 'lnt'", FIX),
        # stages
        ("    filter: lint\n", "", 9, "stages.1: a stage has exactly one of `filter` and `rewrite`", FIX),
        *(
            ("{name: syntax, filter: syntax}", stage, 8, "stages.0: a stage has exactly one", FIX)
            for stage in ("syntax", "5", "[a]", "null", "")
        ),
        ("rewrite: prompt.md", f"rewrite: {'x' * 5000}.md", 13, "there is no prompt", "name a .md file"),
        ("rewrite: prompt.md", "rewrite: ~nobody-is-called-so/p.md", 13, "there is no prompt", "name a .md file"),
        (ONE, "source: []\n", 2, "source: List should have at least 1 item", FIX),
        ("    filter: lint\n", "    filter: lint\n    rewrite: x\n", 9, "stages.1: a stage has exactly one", FIX),
        ("name: better", "name: lint", 12, "stages.2.name: stage name 'lint' is used twice", FIX),
        *(
            ("name: better", f"name: {name}", 12, f"stages.2.name: stage name '{name}' is reserved", FIX)
            for name in ("id", "text", "source", "verdict", "read")
        ),
        ("    ablation: lint", "    dropped: lint", 20, "release.configs.dropped: ", FIX),
        # names that differ by case alone, and names that are no file's, column's or address's
        ("name: better", "name: Lint", 12, "stages.2.name: stage name 'Lint' is 'lint' but for its case", FIX),
        *(
            ("name: better", f"name: {name}", 12, f"stages.2.name: stage name '{name}' is reserved", FIX)
            for name in ("ID", "Text", "SOURCE", "Verdict", "Read")
        ),
        ("name: better", f"name: {'x' * 65}", 12, "stages.2.name: a stage's name has at most 64 characters", FIX),
        ("name: better", "name: nul", 12, "Windows takes that for a device", FIX),
        ("name: mine", f"name: {'x' * 65}", 1, "name: a recipe's name has at most 64 characters", FIX),
        ("name: mine", "name: mine.", 1, "name: a recipe's name is made of letters", FIX),
        ("name: mine", "name: ../mine", 1, "name: ", FIX),
        ("name: mine", "name: con", 1, "Windows takes that for a device", FIX),
        ("    ablation: lint", "    Default: lint", 20, "is 'default' but for its case", FIX),
        ("    ablation: lint", "    Dropped: lint", 20, "release.configs.Dropped: ", FIX),
        ("    ablation: lint", "    GENERATIONS: lint", 20, "release.configs.GENERATIONS: ", FIX),
        ("    ablation: lint", "    aux.1: lint", 20, "Windows takes that for a device", FIX),
        ("    ablation: lint", f"    {'x' * 65}: lint", 20, "a config's name has at most 64 characters", FIX),
        # what a filter reads
        (FILTER, READS.format("syntax.lin"), 11, "a number 'syntax.lin'; did you mean 'syntax.line'?", FIX),
        (FILTER, READS.format("better.grade"), 11, "no stage before 'lint' measures a number 'better.grade'", FIX),
        (FILTER, READS.format("syntax.error"), 11, "no stage before 'lint' measures a number 'syntax.error'", FIX),
        # several sources
        (ONE, SEVERAL.replace("    path: code", "    pat: code"), 5, "unknown key 'source.0.pat'", "'path'"),
        (ONE, SEVERAL.replace("rows.parquet", "5"), 8, "source.1.path: ", FIX),
        (ONE, SEVERAL.replace("name: two", "name: one"), 2, "source: each of several sources needs a `name`", FIX),
        (ONE, SEVERAL.replace("name: two", "name: One"), 2, "source: each of several sources needs a `name`", FIX),
        (ONE, SEVERAL.replace("    name: two\n", ""), 2, "source: each of several sources needs a `name`", FIX),
        # YAML
        ("name: mine", "name: mine\nname: yours", 2, "not valid YAML: the key 'name' is there twice", LINE),
        ("min_score: 7.0", "min_score: 7.0\n    min_score: 1.0", 12, "the key 'min_score' is there twice", LINE),
        ("filter: syntax}", "filter: syntax", 9, "not valid YAML: ", LINE),
        ("  license:", "\tlicense:", 21, "not valid YAML: ", LINE),
        ("name: mine", "name: !!python/object/apply:os.getcwd []", 1, "not valid YAML: ", LINE),
        ("filter: syntax}", "filter: syntax, filter: lint}", 8, "the key 'filter' is there twice", LINE),
        ("min_score: 7.0", f"min_score: {'9' * 5000}", 11, "can't be read", LINE),
        ("min_score: 7.0", "min_score: 0x" + "f" * 99, 11, "has more than 64 bits", LINE),
        ("min_score: 7.0", "min_score: .nan", 11, "is no finite number", LINE),
        ("min_score: 7.0", "min_score: 1.0e+999", 11, "is no finite number", LINE),
        ("min_score: 7.0", "min_score: !!timestamp x", 11, "can't be read", LINE),
        ("path: code", 'path: "a\\0b"', 4, "holds a NUL", LINE),
        ("path: code", 'path: "\\udcff"', 4, "holds a lone surrogate", LINE),
        ("    ablation: lint", "    no: lint", 20, "the key 'no' is read as bool: put it in quotes", LINE),
        ("    ablation: lint", "    2024: lint", 20, "the key '2024' is read as int: put it in quotes", LINE),
        ("    ablation: lint", "    ? [a]\n    : lint", 20, "a key is a word", LINE),
        ("path: code", "path: &a [*a]", 4, "it holds itself", LINE),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_remedy(
    write: Callable[..., Path], old: str, new: str, line: int, what: str, remedy: str
) -> None:
    path = write(old, new)
    error = refusal(path)
    assert (error.where, what in error.what) == (f"{path}:{line}", True), str(error)
    assert remedy in error.remedy
    assert "\n" not in error.what


def test_aliases_may_repeat_things_and_not_swell_a_recipe(write: Callable[..., Path]) -> None:
    lint = "filter: lint\n    min_score: 7.0"
    path = write(f"name: lint\n    {lint}", "<<: &limits {name: lint, filter: lint, min_score: 7.0}")
    assert lint_of(load_recipe(str(path))) == {"min_score": 7.0}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    error = refusal(write("name: mine\n", bomb))
    assert error.where == f"{path}:5"
    assert "more than 100,000 values" in error.what
    deep = refusal(write("name: mine", "name: " + "[" * 2000))
    assert "nested too deeply" in deep.what


def test_a_mark_before_a_recipe_is_no_part_of_it(write: Callable[..., Path]) -> None:
    path = write()
    plain = load_recipe(str(path)).snapshot()
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert load_recipe(str(path)).snapshot() == plain


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are their owner's."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def no_administrator() -> Iterator[None]:
    """Give up what an administrator may, who reads every file."""
    load_recipe("swallow-code")  # imports what others may not read
    own = os.geteuid()
    os.seteuid(own or 65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.parametrize("hidden", ["mine.yaml", "prompts", "prompts/prompt.md", "gone.txt", "items.jsonl"])
def test_a_file_without_the_right_to_read_it_is_said_with_what_to_do(open_folder: Path, hidden: str) -> None:
    seen = "{name: seen, filter: contamination, benchmarks: [items.jsonl], fields: [a]}"
    recipe = RECIPE.replace("prompt.md", "prompts/prompt.md").replace("{name: syntax, filter: syntax}", seen)
    (open_folder / "mine.yaml").write_text(f"{recipe}exclude: {{id: [gone.txt]}}\n")
    (open_folder / "prompts").mkdir()
    (open_folder / "prompts/prompt.md").write_text(PROMPT)
    (open_folder / "gone.txt").touch()
    (open_folder / "items.jsonl").touch()
    (open_folder / hidden).chmod(0)
    with no_administrator():
        error = refusal(open_folder / "mine.yaml")
    (open_folder / hidden).chmod(0o755)
    assert "Permission denied" in error.what
    assert error.where.startswith(str(open_folder / hidden))
    assert "the right to read it" in error.remedy


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"- a\n- b\n", b"text", b"5"])
def test_what_is_no_mapping_is_no_recipe(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    error = refusal(path)
    assert error.where == str(path)
    assert "a recipe is a mapping" in error.what


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"name: \xff\n")
    assert "can't be read" in refusal(path).what
    assert refusal(path).where == str(path)
    error = refusal(tmp_path / "none.yaml")
    assert "there is no recipe" in error.what
    assert "none.yaml" in error.what


def test_a_misspelt_name_of_a_shipped_recipe_is_guessed() -> None:
    for name in recipe_names():
        assert f"did you mean {name!r}?" in refusal(name[:-1] + "_").remedy


def test_a_name_that_no_file_can_have_is_no_recipe() -> None:
    assert "there is no recipe" in refusal("x" * 5000 + ".yaml").what


def test_a_path_of_a_home_that_is_not_there_is_a_path(write: Callable[..., Path], tmp_path: Path) -> None:
    (source,) = load_recipe(str(write("path: code", "path: ~nobody-is-called-so/code"))).recipe.sources
    assert isinstance(source, FilesSource)
    assert source.path == tmp_path / "~nobody-is-called-so" / "code"


def test_a_home_is_a_place_for_prompts(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    path = write("rewrite: prompt.md", "rewrite: ~/prompt.md")
    (tmp_path / "prompt.md").rename(tmp_path / "home" / "prompt.md")
    assert load_recipe(str(path)).prompt_files == {"better": PROMPT}


@pytest.mark.parametrize("benchmarks", ["5", "bench.txt", "[5]"])
def test_what_is_no_list_of_files_is_said_where_a_filter_checks_or_scans(
    write: Callable[..., Path], tmp_path: Path, benchmarks: str
) -> None:
    wrong = f"[{{filter: contamination, benchmarks: {benchmarks}}}]"
    assert "benchmarks" in refusal(write("license: llama3.3", f"license: mit\n  scan: {wrong}")).what
    path = write()
    (tmp_path / "prompt.md").write_text(PROMPT.replace("version: 1", f"version: 1\nchecks: {wrong}"))
    assert "benchmarks" in refusal(path).what


def test_a_bad_prompt_is_named_by_its_own_file(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write()
    prompt = tmp_path / "prompt.md"
    for content in ("no front matter", PROMPT.replace("{{ text }}", "no text"), PROMPT.replace("id: mine\n", "")):
        prompt.write_text(content)
        with pytest.raises(RecipeError) as caught:
            load_recipe(str(path))
        assert caught.value.where == str(prompt)


# --- --set ---


def lint_of(loaded: LoadedRecipe) -> dict[str, object]:
    return loaded.filters[loaded.recipe.stages[1].name].model_dump()


@pytest.mark.parametrize("setting", ["stages.lint.min_score=6", "stages.1.min_score=6.0", "stages.-2.min_score=6"])
def test_a_setting_reaches_a_stage_by_name_or_position(write: Callable[..., Path], setting: str) -> None:
    path = write()
    assert lint_of(load_recipe(str(path))) == {"min_score": 7.0}
    assert lint_of(load_recipe(str(path), [setting])) == {"min_score": 6.0}


def test_settings_add_keys_and_the_last_one_wins(write: Callable[..., Path]) -> None:
    settings = [
        "source.shard_rows=5",
        "source.shard_rows=7",
        "source.glob=[a, b]",
        "stages.better.sampling.top_p=0.5",
    ]
    loaded = load_recipe(str(write()), settings)
    (source,) = loaded.recipe.sources
    assert isinstance(source, FilesSource)
    assert (source.shard_rows, source.glob) == (7, ["a", "b"])
    better = loaded.recipe.stages[2]
    assert isinstance(better, RewriteStage)
    assert (loaded.sampling(better).top_p, loaded.sampling(better).temperature) == (0.5, 0.1)


@pytest.mark.parametrize(
    "setting",
    [
        "stages.lnt.min_score=6",
        "stages.9.name=x",
        "stages.lint.min_score",
        "nowhere.at.all=1",
        "name.x=1",
        "name=[",
        "source.shard_rows=99999999999999999999",
        "source.shard_rows=2024-13-01",
        "",
    ],
)
def test_a_setting_that_leads_nowhere_is_refused(write: Callable[..., Path], setting: str) -> None:
    error = refusal(write(), setting)
    assert f"--set {setting}" in error.what
    assert "--set stages.lint.min_score=6" in error.remedy


def test_a_setting_is_checked_like_the_file(write: Callable[..., Path]) -> None:
    path = write()
    error = refusal(path, "stages.lint.min_scor=6")
    assert (error.what, error.remedy) == ("unknown key 'stages.1.min_scor'", "did you mean 'min_score'?")
    assert error.where == f"{path}:9"  # the stage: the key itself is on the command line
    assert "stages.1.min_score" in refusal(path, "stages.lint.min_score=high").what


# --- paths, several sources, identity ---


def test_paths_are_the_recipes_own_and_the_snapshot_keeps_them_as_written(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    monkeypatch.chdir("/")
    loaded = load_recipe(str(path))
    (source,) = loaded.recipe.sources
    assert isinstance(source, FilesSource)
    assert source.path == tmp_path / "code"
    assert loaded.snapshot()["source"][0]["path"] == "code"
    assert str(tmp_path) not in str(loaded.snapshot())


def test_several_sources_keep_their_order_and_kinds(write: Callable[..., Path]) -> None:
    one, two = load_recipe(str(write(ONE, SEVERAL))).recipe.sources
    assert (type(one), type(two)) == (FilesSource, ParquetSource)
    assert (one.label(), two.label()) == ("one", "two")


def test_what_only_the_release_needs_does_not_decide_the_run(write: Callable[..., Path]) -> None:
    first = load_recipe(str(write())).run_snapshot()
    settings = ["release.license=mit", "release.title=Other", "source.license=mit"]
    assert load_recipe(str(write()), settings).run_snapshot() == first
    assert load_recipe(str(write()), ["stages.lint.min_score=6"]).run_snapshot() != first


@pytest.mark.parametrize(
    ("where", "applies"),
    [
        ("{}", True),
        ("{dataset: a}", True),
        ("{dataset: [b, a]}", True),
        ("{dataset: b}", False),
        ("{x: 1}", False),
    ],
)
def test_where_chooses_documents_by_their_provenance(
    write: Callable[..., Path], where: str, applies: bool
) -> None:
    loaded = load_recipe(str(write()), [f"stages.lint.where={where}"])
    assert loaded.recipe.stages[1].applies_to({"dataset": "a"}) is applies


# --- what ships ---


def test_every_recipe_that_ships_loads() -> None:
    for name in recipe_names():
        loaded = load_recipe(name)
        assert loaded.recipe.name == name
        assert recipe_path(name) == RECIPES / f"{name}.yaml"
        assert set(loaded.prompts) == {
            stage.name for stage in loaded.recipe.stages if isinstance(stage, RewriteStage)
        }


@pytest.mark.parametrize("column", ["source.stars", "syntax.line", "syntax.python2"])
def test_a_column_that_may_be_there_is_accepted(write: Callable[..., Path], column: str) -> None:
    assert load_recipe(str(write(FILTER, READS.format(column)))).filters["lint"].model_dump()["column"] == column
