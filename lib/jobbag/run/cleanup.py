"""What a run made in AWS, and its removal at the end: that, and nothing else."""

from __future__ import annotations

import logging

from jobbag.aws.client import Cloud
from jobbag.aws.regions import partition_of
from jobbag.entities.creation import EntityCreator
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import (
    Attached,
    Event,
    Made,
    Making,
    PartsAsked,
    PartsBegun,
    Removed,
    Removing,
    Staged,
    Submitting,
    TakenDown,
    TakingDown,
)
from jobbag.events.results import ResultFetched, ResultsHome
from jobbag.run.task import TaskOnAws
from jobbag.s3 import bucket
from jobbag.s3.place import lists_of

log = logging.getLogger(__name__)

BUCKET = "bucket"  # the kind of a Making or Made event


class Cleanup:
    """A consumer of events that remembers the uploads, beside the entities and the bucket that the run created."""

    def __init__(self, task: TaskOnAws, note: Emit, run: str) -> None:
        """`note` journals an event durably; `run` is the id of the run."""
        self._cloud = task.cloud
        self._place = task.place
        self._note = note
        self.creator = EntityCreator(task.cloud, note, run)
        self._bucket_is_ours = False
        self.bucket_is_new = False  # made just now: it holds nothing yet
        # Inputs may be there without a Staged: an answer can be lost.
        items = task.bag.local_files()
        self._inputs = frozenset(task.place.key(name) for item in items for name in task.bag.keys_of(item))
        self._uploaded: set[str] = set()
        self._attached: set[str] = set()  # objects that nobody needs after the run
        self._results: set[str] = set()  # those that are here, and the lists of outputs
        self._results_are_home = False  # all that there are
        self._asked: dict[str, list[int]] = {}  # by key: when S3 was asked to begin an upload in parts (ms)
        self._begun: dict[str, list[str]] = {}  # by key: the ids of the uploads in parts, done or not

    def __call__(self, event: Event) -> None:
        match event:
            case PartsAsked(key=key):
                self._asked.setdefault(key, []).append(event.at)
            case PartsBegun(key=key, upload_id=upload_id):
                self._begun.setdefault(key, []).append(upload_id)
            case Attached(key=key):
                self._attached.add(key)
            case Submitting(job=job) if job.outputs:
                self._results.add(self._place.key(lists_of(job.sent_name)))
            case ResultFetched(key=key):
                self._results.add(key)
            case ResultsHome(whole=True):
                self._results_are_home = True
            case Staged(key=key):
                self._uploaded.add(key)
                if len(self._asked.get(key, ())) == 1:  # else one is done, and nobody knows of the others
                    del self._asked[key]
                    self._begun.pop(key, None)

    def replay(self, event: Event) -> None:
        """Take over what an earlier start made."""
        self(event)
        self.creator.replay(event)
        match event:
            case Making(kind=kind) | Made(kind=kind) if kind == BUCKET:
                self._bucket_is_ours = True
            case Removed(kind=kind) if kind == BUCKET:
                self._bucket_is_ours = False
            case TakenDown():
                self._bucket_is_ours = False
                self._uploaded.clear()
                self._attached.clear()
                self._asked.clear()
                self._begun.clear()

    def make_bucket(self, *, is_there: bool) -> None:
        """Create the bucket if it is missing."""
        name = self._place.bucket
        if is_there:
            if self._bucket_is_ours:  # the earlier start may have been killed before it could do this
                bucket.close(self._cloud, name)
            return
        self._note(Making(BUCKET, name))
        self._bucket_is_ours = True  # perhaps: a signal may come before the answer
        try:
            self._bucket_is_ours = self.bucket_is_new = bucket.create(self._cloud, name)
        except AwsError as error:
            self._bucket_is_ours = error.unsure
            raise
        finally:
            if not self._bucket_is_ours:
                self._note(Removed(BUCKET, name))
        if self.bucket_is_new:
            self._note(self._made_bucket)

    def abort_unfinished_uploads(self, cloud: Cloud) -> list[str]:
        """Give up what was being sent when a start was killed or stopped, or S3 gave no answer; for what there was
        no time, a line each."""
        failures = []
        for key, asked in list(self._asked.items()):
            begun = self._begun.get(key, [])
            try:
                if self._keys_are_ours:
                    begun = bucket.uploads(cloud, self._place.bucket, key)
                elif len(begun) < len(asked):
                    begun = begun + bucket.empty_uploads(cloud, self._place.bucket, key, min(asked), max(asked))
                for upload_id in begun:
                    bucket.abort_upload(cloud, self._place.bucket, key, upload_id)
            except Cancelled as error:
                failures.append(f"an unfinished upload of {key} stays: {error}")
                continue
            except ToolError as error:
                log.warning("an unfinished upload of %s may stay: %s", key, error)
            del self._asked[key]
            self._begun.pop(key, None)
        return failures

    @property
    def _doomed_bucket(self) -> bool:
        """A bucket that the user named stays, even if it is new: other runs share it."""
        return self._bucket_is_ours and self._place.own

    def give_up_results(self, cloud: Cloud) -> None:
        """Let results be removed, too, that nobody fetched: no start will want them."""
        if self._keys_are_ours:
            self._uploaded |= bucket.all_keys(cloud, self._place)

    def take_down(self, cloud: Cloud) -> list[str]:
        """Remove it all; what could not be removed, a line each. Results of jobs in the bucket stay."""
        failures: list[str] = []
        self._note(TakingDown(tuple(self.describe())))
        try:
            self.creator.take_down(cloud)
        except ToolError as error:
            failures += error.every_line
        try:
            self._empty_bucket(cloud)
        except ToolError as error:
            failures += error.every_line
        return failures

    def _empty_bucket(self, cloud: Cloud) -> None:
        name = self._place.bucket
        if not self._doomed_bucket and not self._keys_are_ours:
            bucket.delete(cloud, name, self._attached)
            return
        doomed = self._uploaded | self._attached
        if not self._doomed_bucket:
            if doomed:
                self._note(Removing(BUCKET, name))
                bucket.delete(cloud, name, doomed | self._inputs)
            return
        self._note(Removing(BUCKET, name))
        results = self._results if self._results_are_home else set()  # till then, jobs of a new start may need them
        left = bucket.take_down(cloud, self._place, doomed | self._inputs | results)
        if not left:
            self._bucket_is_ours = False
            self._note(Removed(BUCKET, name))
        elif left[0].startswith(self._place.key_prefix):
            log.warning("the bucket %s stays, as jobs left results in it: %s", name, ", ".join(left))
        else:
            log.warning("the bucket %s stays, as others have files in it: %s", name, ", ".join(left))

    @property
    def _keys_are_ours(self) -> bool:
        """Nobody else has keys below the id of this run."""
        return self._place.own and bool(self._place.key_prefix)

    @property
    def _made_bucket(self) -> Made:
        name = self._place.bucket
        return Made(BUCKET, name, f"arn:{partition_of(self._cloud.region)}:s3:::{name}")

    @property
    def awaits_results(self) -> list[Event]:
        """The event by which a new start still takes the bucket for its own, as results in it are to be fetched."""
        return [self._made_bucket] if self._doomed_bucket and not self._results_are_home else []

    @property
    def left(self) -> list[Event]:
        """The events by which another run takes over what could not be removed."""
        return [*self.creator.left, *([self._made_bucket] if self._doomed_bucket else [])]

    def describe(self) -> list[str]:
        """What would be removed, for a run that has to leave it behind."""
        made = [f"{one.kind.words} {one.name}" for one in self.creator.made]
        return [*made, f"bucket {self._place.bucket}"] if self._doomed_bucket else made
