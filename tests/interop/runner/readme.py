"""The clients that the guide's page on serving shows, as they are written there."""

import os
import re
import subprocess

from clients import PYTHON
from cluster import Failed
from places import HERE, INSTALLED, REPO

# The page, and where it says that the brokers listen.
PAGE = REPO / "scenarios/guide/serving.md"
ADDRESS = "127.0.0.1:9092"
# How a snippet is run, by its language, and what it must print.
RUN = {
    "python": ("py", lambda path: [PYTHON, path], "from Python"),
    "js": ("js", lambda path: ["node", path], "baseOffset"),
    "go": ("go", lambda path: ["go", "run", path], "from Go"),
}
PATIENCE = 120


def snippets():
    """Language and text of each."""
    section = PAGE.read_text().split("\n## With a client\n", 1)
    if len(section) < 2:
        raise Failed(f"{PAGE.name} has no section `With a client`")
    return re.findall(r"^```(python|js|go)\n(.*?)^```", section[1].split("\n##", 1)[0], re.MULTILINE | re.DOTALL)


def judge(bootstrap, folder):
    folder.mkdir(parents=True)
    found = snippets()
    if sorted(language for language, _ in found) != sorted(RUN):
        raise Failed(f"{PAGE.name} has snippets in {[language for language, _ in found]}, not in {list(RUN)}")
    for language, text in found:
        if ADDRESS not in text:
            raise Failed(f"{PAGE.name}'s {language} does not connect to {ADDRESS}")
        ending, command, says = RUN[language]
        path = folder / f"main.{ending}"
        path.write_text(text.replace(ADDRESS, bootstrap.split(",")[0]))
        env = {**os.environ, "NODE_PATH": str(INSTALLED / "kafkajs/node_modules")}
        done = subprocess.run(command(path), cwd=HERE / "clients/franz", env=env, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        if done.returncode or says not in done.stdout:
            raise Failed(f"{PAGE.name}'s {language} ended with {done.returncode}:\n{done.stdout}{done.stderr[-2_000:]}")
        print(f"{PAGE.name}'s {language}: {done.stdout.strip()}", flush=True)
