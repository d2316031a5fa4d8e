"""The AI service of an application: summarises texts, and tells how far it is and what it writes while it does."""

import os
import re
import signal
import sys

from millrace_worker import Worker


def summarise(attempt):
    """Input {"text", "pace"?}: seconds a word; output {"summary", "paragraphs"}. It quotes, it does not think."""
    paragraphs = [part.strip() for part in attempt.input["text"].split("\n\n") if part.strip()]
    pace = attempt.input.get("pace", 0.02)
    attempt.log("Reading.", paragraphs=len(paragraphs), pid=os.getpid())
    chosen = []
    for number, paragraph in enumerate(paragraphs, 1):
        chosen.append(attempt.step("read", lambda: main_sentence(paragraph), key=str(number)))
        attempt.progress(round(50 * number / len(paragraphs)), f"Read {number} of {len(paragraphs)}")
        attempt.pause(pace)
    with attempt.agent("summariser") as say:
        for word in re.findall(r"\S+\s*", " ".join(chosen)):
            say(word)
            attempt.pause(pace)
    attempt.progress(100, "Done")
    return {"summary": " ".join(chosen), "paragraphs": len(paragraphs)}


def main_sentence(paragraph):
    """The sentence whose words the paragraph repeats most."""
    words = re.findall(r"\w{4,}", paragraph.lower())
    sentences = re.split(r"(?<=[.!?])\s+", paragraph)
    return max(sentences, key=lambda text: sum(words.count(word) - 1 for word in set(re.findall(r"\w{4,}", text.lower()))))


worker = Worker(
    url=os.environ.get("MILLRACE_URL", "http://localhost:4600"),
    token=os.environ["MILLRACE_TOKEN"],
    id=sys.argv[1] if len(sys.argv) > 1 else "python",
    tasks={"summarise": summarise},
    workflows=[{"name": "summarise", "nodes": [{"id": "summarise", "task": "summarise"}]}],
)
signal.signal(signal.SIGTERM, lambda *_: worker.drain())
worker.run(ready=lambda: print("takes work", flush=True))
