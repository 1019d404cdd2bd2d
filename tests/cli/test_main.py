"""The commands: what they print, for people and for programs, and their exit codes."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.small_run import OPTIONS, PLAIN, STEPS, assert_one_sentence, checkpoint, contents, losses, run

import minattn
from minattn.cli import main
from minattn.ops import registry
from minattn.ops.kernels import kernels
from minattn.runs import Run
from minattn.terminal import columns
from minattn.text import WordPiece, shipped
from minattn.training.data import VOCAB_SIZE

COMMANDS = ("train", "reconstruct", "vocab", "show", "info", "check", "learn", "embed", "deembed", "fill")


def said(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


# --- help and version


def test_help_names_every_command_and_shows_an_example(capsys):
    out = said(capsys, "--help")
    assert re.findall(r"^ {4}(\w+)", out, re.MULTILINE) == [*COMMANDS]
    assert "example:\n  minattn train" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example_that_it_takes(capsys, command):
    out = said(capsys, command, "--help")
    assert out.startswith(f"usage: minattn {command} ")
    assert f"  minattn {command} " in out.partition("example")[2]


LEARN = ("init", "check", "hint", "reset", "list", "solution", "grade")


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS), *(("learn", part) for part in LEARN)])
def test_help_fits_the_terminal(capsys, monkeypatch, words, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = said(capsys, *words, "--help").splitlines()
    assert max(map(columns, lines)) <= width
    assert words or (len(lines) <= 32 and (width == 60 or len(lines) <= 23))


def test_the_command_alone_shows_its_help(capsys):
    assert said(capsys) == said(capsys, "--help")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("trian",), "argument COMMAND: invalid choice: 'trian'; did you mean train? See minattn --help"),
        (("info", "--jsn"), "unrecognized arguments: --jsn; did you mean --json? See minattn info --help"),
        (("--verson",), "unrecognized arguments: --verson; did you mean --version? See minattn --help"),
        (
            ("vocab", "a.txt", "--szie", "100", "--out", "x"),
            "unrecognized arguments: --szie; did you mean --size? See minattn vocab --help",
        ),
        (
            ("learn", "--dri", "course", "list"),
            "unrecognized arguments: --dri; did you mean --dir? See minattn learn --help",
        ),
        (
            ("train", "--positions", "sinusodal"),
            "argument --positions: invalid choice: 'sinusodal'; did you mean sinusoidal? See minattn train --help",
        ),
    ],
)
def test_what_was_mistyped_is_answered_with_what_was_probably_meant(capsys, arguments, sentence):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"minattn: {sentence}\n"


def test_the_version_is_the_packages(capsys):
    assert said(capsys, "--version") == f"minattn {minattn.__version__}\n"


def test_the_module_is_the_command(tmp_path):
    command = [sys.executable, "-m", "minattn", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"minattn {minattn.__version__}\n", "")
    done = subprocess.run([*command[:-1], "info", "nowhere"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_sentence(done.stderr)


# --- train


def test_train_prints_json_alone_and_the_progress_elsewhere(trained):
    result = json.loads(trained.out)
    assert result["finished"] is True and result["step"] == STEPS and result["run"] == "runs/first"
    assert result["held_out"]["sentences"] == 6
    assert len(result["held_out"]["scores"]) == 6
    assert f"step {STEPS}/{STEPS}  loss " in trained.err and "held-out: 6 sentences" in trained.err
    assert "Warning" not in trained.err


def test_train_leaves_a_run_with_everything_in_it(trained):
    for name in (
        "config.json",
        "tokenizer.json",
        "metrics.jsonl",
        "report.json",
        "figures/curves.png",
        "figures/curves.svg",
    ):
        assert (trained.run / name).stat().st_size > 0
    names = {name.split("/")[-1] for name in json.loads(trained.out)["figures"]}
    drawn = ("curves", "attention-layer-1", "neighbours")
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("png", "svg")}
    assert names == {path.name for path in (trained.run / "figures").iterdir()}
    assert checkpoint(trained.run)[0] == STEPS


def test_train_shows_the_table_and_what_to_do_next(place, capsys):
    out = said(capsys, "train", "small.txt", *PLAIN, "--out", "my run")
    table = json.loads((place / "my run" / "report.json").read_text())["table"]
    assert table in out and table.count("\n") == 8
    assert "54 sentences, " in out and "run folder: my run\n" in out
    assert out.splitlines()[-1].startswith('next: minattn reconstruct "')
    assert out.splitlines()[-1].endswith(" --run 'my run'") and "[MASK]" in out.splitlines()[-1]


def test_two_trainings_with_one_seed_write_the_same_bytes_in_two_processes(trained, place, capsys):
    said(capsys, "train", "small.txt", *PLAIN, "--out", "again")
    assert checkpoint("again") == checkpoint(trained.run)
    assert losses("again") == losses(trained.run)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--blanks", "0"), {"blanks": 0.0}),
        (("--blanks", "1"), {"blanks": 1.0}),
        (("--positions", "none"), {"positions": "none"}),
        (("--positions", "learned"), {"positions": "learned"}),
        (("--layers", "0"), {"layers": 0}),
        (("--layers", "2", "--width", "8", "--heads", "4"), {"layers": 2, "width": 8, "heads": 4, "hidden": 16}),
        (("--seed", str(2**40)), {"seed": 2**40}),
        (("--lr", "1e-4", "--batch", "5", "--save-every", "7"), {"lr": 1e-4, "batch": 5, "save_every": 7}),
        (("--vocab-size", "60"), {"vocab_size": 60}),
    ],
)
def test_options_are_remembered_and_train(place, capsys, options, told):
    said(capsys, "train", "small.txt", *PLAIN, *options, "--out", "new")
    config = json.loads((place / "new" / "config.json").read_text())["config"]
    assert told.items() <= (config["model"] | config["training"]).items()
    assert len(losses("new")) == STEPS
    restored = json.loads(said(capsys, "reconstruct", "The cat [MASK] it.", "--run", "new", "--json"))
    assert "[MASK]" in [token["given"] for token in restored["tokens"]]


@pytest.mark.parametrize(
    ("options", "drawn"),
    [(("--layers", "0", "--positions", "none"), 2), (("--heads", "16", "--positions", "sinusoidal"), 4)],
)
def test_figures_are_drawn_of_what_there_is(place, capsys, options, drawn):
    out = said(capsys, "train", "small.txt", *OPTIONS, *options, "--out", "new")
    assert out.count(".png") == drawn == len(list((place / "new" / "figures").glob("*.png")))


def test_a_text_without_long_words_has_no_neighbours_to_draw(place, capsys):
    (place / "short.txt").write_text("\n".join(f"{a} {b} {c}." for a in "abcd" for b in "efg" for c in "hij"))
    out = said(capsys, "train", "short.txt", *OPTIONS, "--out", "new")
    assert "curves.png" in out and "neighbours.png" not in out


def test_a_very_small_text_trains_with_all_of_it_in_a_batch_and_is_named_as_one(place, capsys):
    (place / "tiny.txt").write_text("\n".join(f"The {a} {b} here." for a in ("cat", "dog") for b in "abcdefghij"))
    out = said(
        capsys, "train", "tiny.txt", "--steps", "2", "--width", "8", "--heads", "2", "--no-figures", "--out", "new"
    )
    assert "\nthe text is very small: " in out and "\n1 of the sentences" in out
    assert json.loads((place / "new/config.json").read_text())["config"]["training"]["batch"] == 9


def test_a_run_without_out_gets_a_folder_of_its_time(place, capsys):
    said(capsys, "train", "small.txt", *PLAIN)
    (made,) = (place / "runs").iterdir()
    assert made.name.startswith("20") and (made / "config.json").exists()


def test_a_shipped_reader_is_trained_on_with_its_own_vocabulary(place, capsys):
    (place / "zh").mkdir()  # a folder of that name is not in the way
    said(capsys, "train", "zh", *PLAIN, "--steps", "2", "--out", "new")
    config = json.loads((place / "new" / "config.json").read_text())["config"]
    assert config["text"]["name"] == "zh"
    assert config["model"]["vocab_size"] == WordPiece.load(shipped("zh/tokenizer.json")).vocab_size
    assert "\n我" in said(capsys, "reconstruct", "我[MASK]来。", "--run", "new")


def test_a_text_is_remembered_by_its_whole_path(place, capsys):
    said(capsys, "train", "./small.txt", *PLAIN, "--out", "new")
    config = json.loads((place / "new" / "config.json").read_text())["config"]
    assert config["text"]["name"] == str(place / "small.txt")


def test_words_that_become_unknown_are_counted_as_lost(place, capsys):
    with open("small.txt", "a") as file:
        file.write("Long words are " + "a" * 1001 + " and " + "b" * 2000 + ".\n")
    out = said(capsys, "train", "small.txt", *PLAIN, "--out", "new")
    assert "lost as [UNK], being too long or with letters that the vocabulary lacks: 2 words" in out


# --- reconstruct


def test_reconstruct_shows_each_token_and_the_best_for_a_blank(place, capsys):
    out = said(capsys, "reconstruct", "The cat [MASK] the 中 house.", "--run", "run")
    lines = out.splitlines()
    assert lines[0].split() == ["given", "restored", "confidence", "looked", "at", "most"]
    given = [line.split()[0] for line in lines[1:10]]
    assert given == ["[CLS]", "the", "cat", "[MASK]", "the", "[UNK]", "house", ".", "[SEP]"]
    assert all(line.count("%") == 4 for line in lines[1:10])
    assert sum(line.startswith("blank: ") and line.count("%") == 5 for line in lines) == 1
    assert "lost, because the vocabulary lacks their letters: 中" in lines
    assert lines[-1] == "attention maps: run/figures/reconstruct.png"
    assert (place / "run/figures/reconstruct.png").stat().st_size > 0


def test_reconstruct_prints_json_and_then_draws_nothing(place, capsys):
    before = contents("run")
    told = json.loads(said(capsys, "reconstruct", "The cat [MASK] it.", "--run", "run", "--json"))
    assert told.keys() == {"text", "lost", "tokens"}
    assert contents("run") == before


def test_reconstruct_takes_the_newest_run(place, capsys):
    for name in ("b", "a"):
        said(capsys, "train", "small.txt", *PLAIN, "--seed", "1" if name == "a" else "2", "--out", f"runs/{name}")
    for name in ("b", "a"):
        for state in (place / "runs" / name).glob("checkpoints/*/state.json"):
            os.utime(state, ns=(10**18, 10**18 + 10 * (name == "b")))
    sentence = "The cat [MASK] the red house."
    newest = said(capsys, "reconstruct", sentence, "--json")
    assert newest == said(capsys, "reconstruct", sentence, "--json", "--run", "runs/b")
    assert newest != said(capsys, "reconstruct", sentence, "--json", "--run", "runs/a")


@pytest.mark.parametrize(
    "text", [r"It costs $\foo$ or $6.", 'a "quote" & <tag> `x`', "two\nlines", "Ünïcode – “marks” 🙂"]
)
def test_any_text_can_be_reconstructed_and_drawn(place, capsys, text):
    assert "attention maps: " in said(capsys, "reconstruct", text, "--run", "run")


def test_a_run_that_may_only_be_read_still_reconstructs(place, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.fsync", refuse)
    assert "attention maps" not in said(capsys, "reconstruct", "The cat.", "--run", "run")


# --- vocab and info


def test_vocab_makes_the_same_vocabulary_that_a_training_makes(trained, place, capsys):
    out = said(capsys, "vocab", "small.txt", "--size", VOCAB_SIZE, "--out", "made")
    assert (place / "made/tokenizer.json").read_bytes() == (trained.run / "tokenizer.json").read_bytes()
    tokenizer = WordPiece.load("made")
    assert out == (f"made/tokenizer.json: {tokenizer.vocab_size} pieces, fingerprint {tokenizer.fingerprint[:12]}\n")
    assert (place / "made/vocab.txt").read_text().splitlines() == tokenizer.pieces


def test_info_shows_what_is_in_a_run(trained, place, capsys):
    out = said(capsys, "info", "run")
    best = Run.open(trained.run).best_step()
    saved = "12 (the best)" if best == STEPS else f"{best} (the best), 12"
    steps = f"steps       12 of 12, saved: {saved}"
    for row in ("run         run", f"text        {trained.text}, sha256 ", steps):
        assert f"\n{row}" in f"\n{out}"
    assert "width 16" in out and "figures     attention-layer-1.png, " in out
    assert json.loads((trained.run / "report.json").read_text())["table"] in out


def test_info_prints_json(place, capsys):
    told = json.loads(said(capsys, "info", "run", "--json"))
    assert told["steps"] == STEPS and told["saved_steps"][-1] == STEPS and told["folder"] == "run"
    assert told["config"]["model"]["width"] == 16
    assert told["parameters"] > 0 and f"\nparameters  {told['parameters']:,}\n" in said(capsys, "info", "run")


def test_info_without_a_run_takes_the_newest(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.folder)
    assert said(capsys, "info") == said(capsys, "info", "runs/first")


def test_info_of_a_run_that_is_not_finished_says_so(place, capsys):
    (place / "run/report.json").unlink()
    for saved in (place / "run/checkpoints").iterdir():
        shutil.rmtree(saved)
    out = said(capsys, "info", "run")
    assert "none saved yet" in out and "saved: none" in out and "held-out" not in out


# --- the readable ops in place of the kernels


@pytest.fixture
def softmax_kernel_runs(monkeypatch):
    """How often a kernel ran that stands in for the softmax, to which it is equal."""
    softmax, runs = registry["Softmax"].op, []

    class Kernel(softmax):
        def forward(self, *inputs):
            runs.append(1)
            return super().forward(*inputs)

    monkeypatch.setitem(kernels, softmax, Kernel)
    return runs


def test_reconstruct_runs_the_textbook_on_demand_with_the_same_result(place, capsys, softmax_kernel_runs):
    command = ("reconstruct", "The cat [MASK] it.", "--run", "run", "--json")
    fast = json.loads(said(capsys, *command))
    assert softmax_kernel_runs
    softmax_kernel_runs.clear()
    textbook = json.loads(said(capsys, *command, "--textbook"))
    assert not softmax_kernel_runs and textbook["text"] == fast["text"]
    for ours, theirs in zip(textbook["tokens"], fast["tokens"], strict=True):
        assert ours["confidence"] == pytest.approx(theirs["confidence"], rel=1e-5)


# --- output that goes nowhere


@pytest.mark.parametrize("arguments", [("info", "run"), ("reconstruct", "The cat.", "--run", "run"), ("--help",)])
def test_a_reader_that_goes_away_is_no_reason_to_complain(place, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as stdout:
        code, _, err = run(*arguments, cwd=place, stdout=stdout)
    assert (code, err) == (1, "")


@pytest.mark.parametrize("arguments", [("info", "run"), ("--help",), ("info", "nowhere"), ("embed", "nowhere", "-")])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_reason_to_complain(place, arguments, closed):
    command = f'"$0" -m minattn {" ".join(arguments)} {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=place, capture_output=True, text=True)
    assert done.returncode == 2 * ("nowhere" in arguments)
    if done.returncode == 0 or "2>&-" in closed:
        assert done.stderr == ""
    else:
        assert_one_sentence(done.stderr)


@pytest.mark.parametrize(
    "command", [("-m", "minattn"), (shutil.which("minattn", path=os.path.dirname(sys.executable)),)]
)
def test_ctrl_c_while_the_command_is_loading_is_one_line(place, command):
    if None in command:
        pytest.skip("the command is not installed")
    codes = []
    for wait in (0.06, 0.1, 0.15, 0.2, 0.3, 0.6, 1.2):  # the last two on a busy machine
        process = subprocess.Popen(
            [sys.executable, *command, "info", "run"],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
        codes.append(process.returncode)
        own = err.replace("minattn/terminal", "")
        if err.rstrip().endswith("KeyboardInterrupt") and ("minattn/terminal" in err or "minattn/" not in own):
            continue  # Python itself was not yet where the command could take care
        assert (process.returncode, err) in ((130, "minattn: interrupted\n"), (0, ""), (-signal.SIGINT, "")), err
    assert 130 in codes


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
@pytest.mark.parametrize("arguments", [("info", "run"), ("--version",)])
def test_an_output_that_is_full_is_one_sentence(place, arguments):
    with open("/dev/full", "w") as full:
        code, _, err = run(*arguments, cwd=place, stdout=full)
    assert (code, err) == (1, "minattn: the output: No space left on device\n")


def test_a_training_whose_reader_goes_away_saves_what_it_has(place, monkeypatch, capsys):
    class Reader(io.StringIO):
        def write(self, text):
            if text.startswith("step 5/"):
                raise BrokenPipeError
            return len(text)

    monkeypatch.setattr("sys.stdout", Reader())
    assert main(["train", "small.txt", *OPTIONS, "--out", "new"]) == 1
    assert capsys.readouterr().err == ""
    assert checkpoint("new")[0] == 5


def test_characters_that_the_terminal_lacks_are_shown_escaped(place):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    code, out, err = run("reconstruct", "The cat 中.", "--run", "run", "--json", cwd=place, env=environment)
    assert (code, err) == (0, "") and "\\u4e2d" in out
    assert json.loads(out)["lost"] == ["中"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_does_not_load_what_only_some_commands_need(command):
    heavy = {"tokenizers", "safetensors", "matplotlib", "threadpoolctl"}
    if not command:
        heavy |= {f"minattn.{room}" for room in ("training", "pretrained", "check", "learn", "show")}
    code = f"import sys; from minattn.cli import main; main({[*filter(None, [command]), '--help']});"
    code += f"print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("\n[]\n"), done.stdout + done.stderr


# --- where there are few columns, or none that are known


def test_a_long_path_stays_whole_for_another_program_whatever_columns_says(place):
    folder = place / ("a_long_name_" * 9)
    shutil.copytree(place / "run", folder)
    environment = os.environ | {"COLUMNS": "40"}
    for arguments in (("info", str(folder)), ("vocab", "small.txt", "--size", "99", "--out", str(folder / "vocab"))):
        code, out, err = run(*arguments, cwd=place, env=environment)
        assert (code, err) == (0, "") and str(folder) in out
    for arguments in (("info", str(folder) + "x"), ("learn", "list", "--dir", str(folder) + "x")):
        code, out, err = run(*arguments, cwd=place, env=environment)
        assert (code, out) == (2, "") and str(folder) in err
        assert_one_sentence(err)
    code, out, _ = run("learn", "init", str(folder / "course"), cwd=place, env=environment)
    assert code == 0 and f"{folder / 'course'}" in out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("train", "smal.txt"), "small.txt"),
        (("vocab", "small.text", "--size", "99", "--out", "x"), "small.txt"),
        (("info", "rnu"), "run"),
        (("info", "runs/frist"), "runs/first"),
        (("reconstruct", "The cat.", "--run", "Run"), "run"),
        (("train", "--resume", "rum"), "run"),
        (("embed", "ecnoder", "a"), "encoder"),
        (("train", "small.txt", "--from", "encode"), "encoder"),
        (("check", "min.py"), "mine.py"),
        (("check", "mine"), "mine.py"),
        (("check", "sofmax"), "softmax"),
        (("check", "LayerNrom"), "layer_norm"),
        (("learn", "check", "atention", "--dir", "course"), "attention"),
        (("learn", "hint", "09_sofmax.py", "--dir", "course"), "softmax"),
        (("learn", "list", "--dir", "cuorse"), "course"),
        (("learn", "grade", "couse", "--csv", "a.csv"), "course"),
        (("learn", "grade", "course", "--csv", "a.csv", "--only", "softmx"), "softmax"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_one_that_was_probably_meant(place, capsys, arguments, meant):
    shutil.copytree(place / "run", place / "runs" / "first")
    (place / "encoder").mkdir()
    (place / "encoder/config.json").touch()
    (place / "mine.py").touch()
    assert main(["learn", "init", "course"]) == 0
    capsys.readouterr()
    assert main(arguments) == 2
    assert f"; did you mean {meant}?" in capsys.readouterr().err


# --- what is said of a text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The cat [mask] it.", "[mask] is taken as letters; did you mean [MASK]?"),
        ("The <MASK> [MASK] ___ ［mask］.", "<MASK>, ___, ［mask］ are taken as letters; did you mean [MASK]?"),
        ("The MASK saw [MASK", "MASK, [MASK are taken as letters; did you mean [MASK]?"),
        ("The cat [MASK] (mask) mask MASKED [a] a_b.", ""),
    ],
)
def test_what_looks_like_a_blank_and_is_none_is_said(place, capsys, text, told):
    assert main(["reconstruct", text, "--run", "run", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.rstrip("\n") == told and json.loads(out)


def test_what_looks_like_a_blank_is_said_once_among_the_lines_too(place, capsys):
    lines = said(capsys, "reconstruct", "The cat [mask] it.", "--run", "run").splitlines()
    assert lines.count("[mask] is taken as letters; did you mean [MASK]?") == 1


def test_a_training_says_how_many_sentences_it_holds_out_and_leaves_out(place, capsys):
    (place / "small.txt").write_text((place / "small.txt").read_text() + "\n# Again\nThe cat sees the red house.\n")
    out = said(capsys, "train", "small.txt", *PLAIN, "--out", "new")
    learned, held_out = re.search(r"^(\d+) sentences, .* to train on; (\d+) sentences held out$", out, re.M).groups()
    left_out = re.search(r"^(\d+) more could be held out, but are left out", out, re.M)
    assert int(learned) + int(held_out) + int(left_out[1] if left_out else 0) == 61


def test_a_training_says_what_its_curves_and_its_table_are_scored_on(trained, place, capsys):
    assert "the curves are scored on one of the 8 draws of blanks, the table on all" in trained.err.splitlines()
    assert "draws" not in said(capsys, "train", "small.txt", *PLAIN, "--out", "newer").partition("trained  ")[2]


def test_signs_that_no_font_here_has_are_said(place, capsys, monkeypatch):
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(fontManager, "ttflist", [f for f in fontManager.ttflist if f.name == "DejaVu Sans"])
    text = "".join(f"我{a}喜欢{b}。\n" for a in "们他她你" for b in "猫狗鸟鱼马牛")
    (place / "zh.txt").write_text(text, encoding="utf-8")
    out = said(capsys, "train", "zh.txt", *OPTIONS, "--out", "new")
    assert len(re.findall(r"^no font here can draw .; install Noto Sans CJK SC$|^no font here", out, re.M)) == 1
    out = said(capsys, "reconstruct", "我喜欢猫。", "--run", "new")
    assert "so the figures show code points; install Noto Sans CJK SC" in out
    assert "no font" not in said(capsys, "reconstruct", "The cat.", "--run", "run")


# --- which run is taken


def test_the_newest_run_is_taken_where_none_is_named_and_it_is_said(trained, place, capsys, monkeypatch):
    shutil.copytree(trained.run, place / "runs" / "first")
    assert "run         runs/first\n" in said(capsys, "info")
    assert said(capsys, "reconstruct", "The cat.").splitlines()[:2] == ["the newest run: runs/first", ""]
    assert "newest" not in said(capsys, "reconstruct", "The cat.", "--run", "run")
    out = said(capsys, "train", "--resume", "--steps", str(STEPS + 1), "--no-figures")
    assert f"run folder: runs/first, from step {STEPS}\n" in out
    assert main(["train", "small.txt", "--resume"]) == 2
    assert "TEXT cannot be given with it" in capsys.readouterr().err


def test_the_next_command_names_the_run_where_it_is_not_the_newest(place, capsys):
    assert said(capsys, "train", "small.txt", *PLAIN).splitlines()[-1].count("--run") == 0
    assert said(capsys, "train", "small.txt", *PLAIN, "--out", "new").splitlines()[-1].endswith(" --run new")
