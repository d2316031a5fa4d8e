"""A worker for Millrace, in nothing but Python's standard library.

A worker registers its tasks, claims attempts by long polling, appends what they tell, in order, and renews their leases
meanwhile. Everything that it sends may be sent again: an append carries its number, so that one whose answer was lost is
written once. So a server that is killed and started again costs a running task a pause, and nothing else.
"""

import json
import random
import threading
import time
import urllib.error
import urllib.request

PATIENCE = 15  # seconds that an answer may take beyond what was asked for
TOKEN_PAUSE = 0.05  # seconds for which tokens are gathered into one append
OVER = {"stale_attempt", "stale_producer", "producer_gap", "run_ended", "run_deleted", "run_not_found"}


class Refused(Exception):
    """The server's answer was no; `code` is one of docs/errors.md, `retry` says that later it may be yes."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        self.code = problem.get("code", "")
        self.retry = problem.get("retry", status >= 500)


class Stopped(Exception):
    """An attempt has to end: `kind` is cancel, pause, timeout, draining or lost."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


class Server:
    def __init__(self, url, token):
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def open(self, path, body=None, timeout=PATIENCE):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers)
        try:
            return urllib.request.urlopen(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, problem_of(error.read())) from None

    def post(self, path, body, timeout=PATIENCE):
        with self.open(path, body, timeout) as answer:
            return json.load(answer)


class Attempt:
    """One execution of a task under one lease. Each method raises Stopped once the attempt has to end."""

    def __init__(self, server, assignment):
        self.run, self.node, self.number = assignment["run"], assignment["node"], assignment["attempt"]
        self.task, self.input = assignment["task"], assignment["input"]
        self.ended = False
        self._server = server
        self._steps = assignment["journal"]["steps"]
        self._told = None
        self._wake = threading.Event()
        self._sequence = 0
        self._messages = 0
        self.held_until(time.monotonic() + assignment["leaseMs"] / 1000)

    @property
    def lease(self):
        return {"run": self.run, "node": self.node, "attempt": self.number}

    def log(self, message, level="info", **metadata):
        self.tell("log", level=level, message=message, metadata=metadata)

    def progress(self, percent, message=""):
        self.tell("node.progress", progress=percent, message=message)

    def agent(self, agent_id):
        """For `with`: gives a function that streams a piece of an agent's answer."""
        self._messages += 1
        return Agent(self, agent_id, f"{self.node}-{self.number}-{self._messages}")

    def step(self, name, work, key=None):
        """What `work` answers, at most once: a later attempt is answered from the log."""
        known = self._steps.get(name if key is None else f"{name}/{key}")
        if known and known["status"] == "completed":
            return known.get("output")
        which = {"name": name} if key is None else {"name": name, "key": key}
        self.tell("step.started", **which)
        output = work()
        self.tell("step.completed", **which, output=output)
        return output

    def pause(self, seconds):
        """Waits that long, or until the attempt is told to stop."""
        self._wake.wait(seconds)
        self.check()

    def check(self):
        if self._told is None and time.monotonic() > self._until:
            self._told = "lost"
        if self._told:
            raise Stopped(self._told)

    def tell(self, type, **data):
        self.append([{"type": type, "data": data}])

    def append(self, events, last=False):
        """Writes events once, however often that has to be tried. The last ones are sent whatever was told."""
        body = {
            "node": self.node,
            "sequence": self._sequence + 1,
            "events": [{"node": self.node, "attempt": self.number, **event} for event in events],
        }
        tries = 0
        while True:
            if not last or time.monotonic() > self._until:
                self.check()
            try:
                self._server.post(f"/api/runs/{self.run}/attempts/{self.number}/events", body)
                self._sequence += 1
                return
            except Refused as refused:
                if refused.code in OVER:
                    self.stop("lost")
                    raise Stopped("lost") from None
                if not refused.retry:
                    raise
            except (OSError, ValueError):
                pass  # Nobody knows whether it was written: the same again.
            backoff(tries)
            tries += 1

    def stop(self, kind):
        self._told = kind
        self._wake.set()

    def held_until(self, moment):
        self._until = moment


class Agent:
    """Streams an answer: what is told within a short time goes in one append."""

    def __init__(self, attempt, agent_id, message_id):
        self._attempt = attempt
        self._of = {"agentId": agent_id, "messageId": message_id}
        self._waiting = []
        self._text = ""
        self._sent = 0.0

    def __enter__(self):
        self._attempt.tell("agent.started", **self._of)
        return self

    def __call__(self, text):
        self._text += text
        self._waiting.append({"type": "agent.token", "data": {**self._of, "text": text}})
        if time.monotonic() - self._sent > TOKEN_PAUSE:
            self._flush()

    def __exit__(self, failure, *_):
        if failure is None:
            self._waiting.append({"type": "agent.completed", "data": {**self._of, "text": self._text}})
            self._flush()

    def _flush(self):
        events, self._waiting = self._waiting, []
        self._attempt.append(events)
        self._sent = time.monotonic()


class Worker:
    """`tasks` maps names to functions of an Attempt; what one returns is its node's output."""

    def __init__(self, url, token, id, tasks, workflows=(), concurrency=4):
        self._server = Server(url, token)
        self._path = f"/api/workers/{id}"
        self._tasks = tasks
        self._registration = {
            "id": id,
            "tasks": [{"name": name} for name in tasks],
            "workflows": list(workflows),
            "concurrency": concurrency,
        }
        self._free = threading.Semaphore(concurrency)
        self._attempts = {}
        self._draining = threading.Event()

    def run(self, ready=lambda: None):
        """Takes work until `drain`, and waits for a server that is not there."""
        times = self._insist(self._register)
        threading.Thread(target=self._renew, args=(times["renewMs"] / 1000, times["leaseMs"] / 1000), daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()
        ready()
        while not self._draining.is_set():
            if not self._free.acquire(timeout=1):
                continue
            claimed = self._insist(self._claim)
            if not claimed:
                self._free.release()
                continue
            attempt = Attempt(self._server, claimed[0])
            self._attempts[key(attempt.lease)] = attempt
            threading.Thread(target=self._work, args=(attempt,)).start()

    def drain(self):
        """Takes nothing more, and hands back what runs."""
        self._draining.set()
        for attempt in list(self._attempts.values()):
            attempt.stop("draining")

    def _register(self):
        return self._server.post("/api/workers", self._registration)

    def _claim(self):
        """Waits up to five seconds for an attempt. A server that was started anew is told the registration again."""
        try:
            return self._server.post(f"{self._path}/claim", {"limit": 1, "wait": 5_000}, 5 + PATIENCE)["assignments"]
        except Refused as refused:
            if refused.code != "not_found":
                raise
            self._register()
            return []

    def _insist(self, request):
        """Repeats a request until it is answered; None once the worker drains."""
        tries = 0
        while not self._draining.is_set():
            try:
                return request()
            except Refused as refused:
                if not refused.retry:
                    raise
            except (OSError, ValueError):
                pass
            backoff(tries)
            tries += 1
        return None

    def _work(self, attempt):
        try:
            if self._draining.is_set():
                attempt.stop("draining")
            end = {"type": "node.completed", "data": {"output": self._tasks[attempt.task](attempt)}}
        except Stopped as stopped:
            end = END.get(stopped.kind)
        except Exception as error:  # Whatever a task throws is its node's failure.
            end = {"type": "node.failed", "data": {"error": {"code": "task_failed", "message": str(error) or repr(error)}}}
        try:
            if end:
                attempt.append([end], last=True)
        except (Refused, Stopped) as error:
            print(f"{attempt.node} of {attempt.run} could not be ended: {error}", flush=True)
        finally:
            del self._attempts[key(attempt.lease)]
            self._free.release()

    def _renew(self, every, lease):
        """The answers are the truth about each lease. Its end is counted from before the request, to be on the safe side."""
        while True:
            time.sleep(every)
            leases = [attempt.lease for attempt in list(self._attempts.values())]
            if not leases:
                continue
            sent = time.monotonic()
            try:
                states = self._server.post(f"{self._path}/renew", {"leases": leases}, every)["leases"]
            except (Refused, OSError, ValueError):
                continue
            for state in states:
                self._hear(state, sent + lease)

    def _listen(self):
        """Signals come at once here; one that is missed comes with a renewal."""
        while True:
            try:
                with self._server.open(f"{self._path}/signals", timeout=60) as stream:
                    for line in stream:
                        if line.startswith(b"data:"):
                            self._hear(json.loads(line[5:]))
            except (Refused, OSError, ValueError):
                pass
            backoff(3)

    def _hear(self, state, until=None):
        attempt = self._attempts.get(key(state))
        if attempt is None:
            return
        if state["state"] != "held":
            attempt.stop(state["state"])
        elif until is not None:
            attempt.held_until(until)


# What an attempt that was told to stop says last; one that has lost its lease says nothing.
END = {
    "cancel": {"type": "node.parked", "data": {"reason": "paused"}},
    "pause": {"type": "node.parked", "data": {"reason": "paused"}},
    "draining": {"type": "node.parked", "data": {"reason": "draining"}},
    "timeout": {"type": "node.failed", "data": {"error": {"code": "timeout", "message": "The attempt took too long."}}},
}


def key(lease):
    return lease["run"], lease["node"], lease["attempt"]


def backoff(tries):
    time.sleep(random.uniform(0.05, min(5.0, 0.2 * 2**tries)))


def problem_of(body):
    try:
        problem = json.loads(body)
        return problem if isinstance(problem, dict) else {}
    except ValueError:
        return {}
