"""A model that is a class, a model that is a server, and prompts."""

MODEL = '''

class Parrot:
    """Repeats the code that a prompt shows, with one more line.

    Args:
        name: What it answers as.
    """

    is_paid: ClassVar = False

    def __init__(self, *, name: str) -> None:
        self._name = name

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the code of the prompt."""
        meter.sending(asked=self._name)
        code = request.prompt.split("```python\\n")[1].split("```")[0]
        text = f"```python\\n{code}\\nHEARD = {request.step!r}\\n```"
        return Completion(text=text, model=self._name, date=today())
'''
MODEL_YAML = """# Repeats what it is shown.
_target_: harness.llm.offline.Parrot
name: parrot
"""
MODEL_TEST = """

def test_a_parrot_repeats_the_code():
    from harness.llm.offline import Parrot

    asked = request(prompt="Improve:\\n```python\\nx = 1\\n```\\n")
    assert "x = 1" in Parrot(name="polly").complete(asked).text
"""
PROMPT_TEST = """

def test_polite_prompts_say_please():
    polite = dict(rendered(Prompts(score="accuracy", **compose(["prompts=polite"]).prompts)))
    assert polite["complex/neutral"].startswith("Please be improving")
"""
SERVER_YAML = """# A server of our own.
defaults: [openai]
server: ours
name: some_LLM
base_url: http://127.0.0.1:9/v1
"""


def model(copy):
    copy.add(
        {
            "harness/llm/offline.py": MODEL,
            "conf/model/parrot.yaml": MODEL_YAML,
            "tests/llm/test_model.py": MODEL_TEST,
        }
    )


def server(copy):
    copy.add({"conf/model/ours.yaml": SERVER_YAML})


def prompt(copy):
    """The prompts of GE, the first of which begins with other words."""
    text = (copy.folder / "conf" / "prompts" / "ge.yaml").read_text()
    polite = text.replace("neutral: You are", "neutral: Please be", 1)
    copy.add(
        {
            "conf/prompts/polite.yaml": polite,
            "tests/llm/test_prompts.py": PROMPT_TEST,
        }
    )


def also_for_a_model(copy):
    """Their descriptions."""
    rows = "| `parrot` | repeats |\n| `ours` | a server |\n"
    copy.insert("docs/models.md", rows, before="| `scripted` |")
