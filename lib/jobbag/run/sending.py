"""The jobs that are under way to AWS Batch, of which it is not known yet whether it has them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from jobbag.bag.job import Job
from jobbag.events.consumers import Emit
from jobbag.events.events import Attached, Submitting
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.jobs.array_request import JobGroup, PreparedRequest, Requests
from jobbag.jobs.ids import by_token, child_token, parent_token
from jobbag.jobs.submission import Submitter
from jobbag.run.backlog import Backlog

AT_ONCE = 64  # requests that may be under way, and whose jobs a killed run must look for


class Sending:
    """Hands jobs to the submitter, after the journal knows of them. Used by the main thread alone."""

    def __init__(self, requests: Requests, submitter: Submitter, tell: Emit, journal: Journal, state: RunState) -> None:
        """`tell` hands an event to all consumers, of which the journal and the state are two."""
        self._requests = requests
        self._submitter = submitter
        self._tell = tell
        self._journal = journal
        self._state = state
        self._start_id = secrets.token_hex(6)  # jobs that this start sends can be told from those of others
        self._attached: set[str] = set()  # keys of which the journal knows
        self._under_way: dict[str, tuple[JobGroup, PreparedRequest]] = {}  # by token

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    @property
    def room(self) -> int:
        """How many requests may go now: none until half of those under way have arrived, then all that fit.

        So the journal is made durable once for many requests.
        """
        return AT_ONCE - len(self._under_way) if len(self._under_way) <= AT_ONCE // 2 else 0

    def send(self, groups: Sequence[JobGroup], backlog: Backlog) -> None:
        """Send groups of jobs, each with one request, behind those that the backlog says."""
        prepared: dict[str, tuple[JobGroup, PreparedRequest]] = {}
        for jobs in groups:
            token = self._new_token(jobs[0])
            prepared[token] = jobs, self._requests.of(jobs, token, backlog.depends_on(jobs))
        for token, (jobs, request) in prepared.items():
            if request.is_array:
                backlog.sent_as_array(jobs)
            for key in request.objects:
                if key not in self._attached:
                    self._attached.add(key)
                    self._tell(Attached(key))
            for index, job in enumerate(jobs):
                own = child_token(token, index) if request.is_array else token
                self._tell(Submitting(job, own, request.request["jobQueue"]))
        if prepared:
            self._journal.sync()
        for token, (jobs, request) in prepared.items():
            self._under_way[token] = jobs, request
            self._submitter.submit(jobs, request)

    def _new_token(self, first: Job) -> str:
        """That of a request whose first job this is; a job is sent again only after its earlier sending has ended."""
        before = len(self._state.of(first).earlier)
        return ".".join(map(str, (self._start_id, first.number, *([before] if before else []))))

    def seek(self, jobs: Iterable[Job]) -> None:
        """Look for jobs that an earlier start may have sent."""
        known_by = ((job, self._state.of(job).token or "") for job in jobs)
        for token, children in by_token(known_by).items():
            sought = tuple(children.values())
            request = self._requests.sought(children, token, self._state.of(sought[0]).queue)
            self._under_way[token] = sought, request
            self._submitter.submit(sought, request, unsure=True)

    def arrived(self, token: str) -> None:
        """It is known now what became of a request, of which this is the token, or that of a child."""
        self._under_way.pop(parent_token(token)[0], None)
