"""Publishing: a complete run becomes a version of a release, made aside and whole before anybody sees it.

The version follows from what changed since the one before. Publishing equal content again does nothing but
complete what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from builder.errors import LedgerUnbalanced, NothingToTalkTo, UsageError
from builder.files import is_file, see_readable, write_text
from builder.loaded_recipe import LoadedRecipe
from builder.release.card import render_card
from builder.release.card_merge import Merged, merge, page_edits
from builder.release.changelog import changes, prepended
from builder.release.content import Content, write_content
from builder.release.destination import Destination, Overtaken, Plan
from builder.release.facts import ReleaseFacts
from builder.release.front_matter import announced
from builder.release.licenses import licence_notes
from builder.release.manifest import CARD, CHANGELOG, MANIFEST, Manifest, content_digest, excluded_in, list_files
from builder.release.new_bytes import estimate
from builder.release.rows import RowChanges, row_changes
from builder.run.directory import Run
from builder.run.status import Status, read_status
from builder.run.vanished import say_what_moved

_PLANS = 5  # while others publish there


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to release.

    Attributes:
        version: The version to publish; None for the next one, from what changed.
        license_file: The generator's licence; None to fetch it from the generator's repository.
        workers: Processes that look at the texts before they are published.
        is_trial: Make all of it, and publish nothing.
        replaces: Go on where this other recipe was released until now.
        overwrites: Replace what others edited there and can't be merged.
        readmits: Publish again what the version before left out on request.
    """

    version: str | None = None
    license_file: Path | None = None
    workers: int = 1
    is_trial: bool = False
    replaces: str | None = None
    overwrites: bool = False
    readmits: bool = False


def see_ahead(
    loaded: LoadedRecipe,
    destination: Destination,
    options: PublishOptions,
    say: Callable[[str], None],
    *,
    is_begun: bool,
) -> None:
    """Raise now what would stop a release after a long build, and say what its readers would wonder at.

    Args:
        loaded, destination, options, say: As for `publish`.
        is_begun: Whether there is a run already: it may have been published, and then nothing is lost.

    Raises:
        UsageError: The destination holds what is not this recipe's or would not take the card; or a licence file
            is not there.
        FilterUnavailable: A filter of `release.scan` is not installed.
        NothingToTalkTo: The Hub does not answer, or refuses.
    """
    if options.license_file is not None:
        _see_license(options.license_file, "", "--license-file names the generator's licence")
    for source in loaded.recipe.sources:
        if source.license_file is not None:
            whose = f" of source {source.label()}"
            _see_license(source.license_file, whose, "correct `license_file` in the recipe")
    for note in licence_notes(loaded.recipe):
        say(note)
    for one in loaded.scans:
        one.used.workplace()
    old = destination.newest()
    destination.refuse_another(old, loaded.recipe.name, options.replaces)
    if not loaded.exclusions:
        destination.refuse_readmission(old, 0, readmits=options.readmits)
    if not options.is_trial:
        destination.see_writable()
    destination.see_card(_merged(announced(loaded.recipe), destination, old).text)
    if lost := [] if options.overwrites else _surely_lost(destination):
        if not is_begun:
            destination.refuse_loss(lost, say, overwrites=False)
        say(f"{destination.name}: a new version would be refused, for what others wrote there: {'; '.join(lost)}")


def _surely_lost(destination: Destination) -> list[str]:
    """Return what others wrote there that any release would replace."""
    cards = destination.cards()
    words = [] if cards is None or cards.brought is None else page_edits(cards.there, cards.brought)
    return [*words, *destination.edited(None)]


def _merged(ours: str, destination: Destination, old: Manifest | None) -> Merged:
    """Return a card with what its owner wrote into the one that is there."""
    cards = destination.cards()
    return Merged(ours) if cards is None else merge(ours, cards.there, cards.brought, old.owners if old else {})


def _see_license(path: Path, whose: str, remedy: str) -> None:
    if not is_file(path):
        raise UsageError(f"there is no such licence file{whose}", where=str(path), remedy=remedy)
    see_readable(path, remedy, UsageError)


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing led to.

    Attributes:
        dest: What `load_dataset` takes.
        manifest: The release's manifest.
        facts: What its card says.
        is_new: Whether this call published it.
        place: What `load_dataset` takes, with `revision`, to read this version for ever.
        revision: None in a directory, where each version has one of its own.
        plan: What publishing would do, where it was a trial.
        new_bytes: And about how many bytes of that are not stored there yet.
        card: The card, where it was a trial, with what others wrote into the one before.
    """

    dest: str
    manifest: Manifest
    facts: ReleaseFacts
    is_new: bool
    place: str
    revision: str | None
    plan: Plan | None = None
    new_bytes: int = 0
    card: Merged | None = None


def publish(
    loaded: LoadedRecipe,
    run: Run,
    destination: Destination,
    options: PublishOptions,
    say: Callable[[str], None] = lambda _: None,
) -> Published:
    """Release a complete run.

    Args:
        loaded: The recipe.
        run: Its run, with every stage done.
        destination: Where its versions are to be found.
        options: How.
        say: Told what is worth knowing.

    Raises:
        UsageError: The version exists with other content, a licence is missing, others' work would be lost.
        LedgerUnbalanced: The run's ledger does not balance.
        NothingToTalkTo: The Hub or the disk refuses.
        VerificationFailed: What the Hub holds afterwards is not what was sent.
    """
    status = _complete(run)
    say_what_moved(loaded, run, say)
    with destination.staging() as staging:
        content = write_content(loaded, run, status, options.license_file, options.workers, staging, say)
        release = _Release(content, destination, options, staging, say)
        for _ in range(_PLANS):
            try:
                return release.publish()
            except Overtaken as error:
                say(f"{error}: somebody else changed it meanwhile; planning again")
    raise NothingToTalkTo(
        f"in {_PLANS} tries somebody else was quicker",
        where=destination.name,
        remedy="see who publishes there, then run the same command again",
    )


def _complete(run: Run) -> Status:
    status = read_status(run)
    done, total = status.shards["done"], status.shards["total"]
    if done < total or [stage.name for stage in status.stages[1:]] != run.stages:
        raise UsageError(
            f"the run is not complete: {done} of {total} shards, stages {[stage.name for stage in status.stages]}",
            where=str(run.path),
            remedy="`python -m builder build` completes it",
        )
    if not status.documents and run.exclusions:
        raise UsageError(
            "every document is excluded: nothing is left to publish",
            where=str(run.path),
            remedy="look at the lists; a dataset of which nothing may stay is taken away where it lies",
        )
    if not status.documents:
        raise LedgerUnbalanced("the run holds no document", where=str(run.path))
    return status


@dataclass(frozen=True, slots=True)
class _Release:
    """A release that is written but for its version, and where it goes."""

    content: Content
    destination: Destination
    options: PublishOptions
    staging: Path
    say: Callable[[str], None]

    def publish(self) -> Published:
        """Plan on what the destination has now, and publish unless this was a trial.

        Raises:
            Overtaken: It has something else by then.
        """
        there, options = self.destination, self.options
        old = there.newest()
        excluded = excluded_in(self.content.described)
        there.refuse_another(old, self.content.facts.name, options.replaces)
        there.refuse_readmission(old, excluded, readmits=options.readmits)
        number, existing = there.choose_number(old, self.content.described, options.version)
        if existing is not None:
            edits = there.set_aside(existing)
            if not edits:
                if not options.is_trial:
                    there.settle(existing)
                return self._published(existing)
            self.say(f"{there.name}: version {number} was edited, and is made again as it was: {'; '.join(edits)}")
            old = there.newest()
        changed = {} if old is None else self._changed(old)
        manifest, card = self._write(old, number, changed)
        lost = [*card.lost, *there.edited(manifest)]
        there.refuse_loss(lost, self.say, overwrites=options.overwrites)
        there.see_card(card.text)
        if options.is_trial:
            return self._trial(old, manifest, card, changed)
        for owners in card.kept:
            self.say(f"{there.name}: its card keeps what is its owner's: {owners}")
        there.put(self.staging, manifest)
        there.settle(manifest)
        if old is not None and excluded > excluded_in(old.content):
            self.say(
                f"{there.name}: what was removed is still in the versions before {number};"
                " docs/releases.md says how they are taken away"
            )
        return self._published(manifest, is_new=True)

    def _changed(self, old: Manifest) -> dict[str, RowChanges]:
        groups = {file.path: file.groups for file in self.content.files}
        return row_changes(old, self.content.described, groups, self.destination.open, self.staging)

    def _write(
        self, old: Manifest | None, number: str, changed: Mapping[str, RowChanges]
    ) -> tuple[Manifest, Merged]:
        """Write changelog, card and manifest."""
        there, content = self.destination, self.content
        history = changes(old, content.described, changed)
        before = "# Changelog\n" if old is None else there.changelog()
        write_text(self.staging / CHANGELOG, prepended(before, number, history))
        digest = content_digest(content.described)
        ours = render_card(
            content.facts,
            number,
            there.label,
            history,
            digest,
            has_revisions=there.has_revisions,
            place=there.place(number),
        )
        card = _merged(ours, there, old)
        write_text(self.staging / CARD, card.text)
        files = list_files(self.staging, content.files)
        manifest = Manifest(number, content.facts.name, digest, content.described, files, card.owners)
        write_text(self.staging / MANIFEST, manifest.to_json())
        return manifest, card

    def _trial(
        self, old: Manifest | None, manifest: Manifest, card: Merged, changed: Mapping[str, RowChanges]
    ) -> Published:
        plan = self.destination.plan(self.staging, manifest)
        is_shared = self.destination.has_revisions  # a directory shares nothing between versions
        stored, rows = (old, changed) if is_shared else (None, {})
        new_bytes = estimate(self.staging, manifest, stored, rows, plan.adds)
        return replace(self._published(manifest), plan=plan, new_bytes=new_bytes, card=card)

    def _published(self, manifest: Manifest, *, is_new: bool = False) -> Published:
        there, number = self.destination, manifest.version
        revision = f"v{number}" if there.has_revisions else None
        return Published(there.name, manifest, self.content.facts, is_new, there.place(number), revision)
