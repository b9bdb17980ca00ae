"""The package is taken out of the org: links are exported first, and whoever had its sets keeps them where that fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.package_world import HERE, KEY, Installer

from interlock.app.errors import AppError
from interlock.app.package import parts
from interlock.app.package.install import PackageFailed
from interlock.app.package.kept import Kept
from interlock.crm.errors import CrmError


def test_removal_exports_every_link_and_takes_all_of_it_out(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        [id_] = our.org.contacts(1)
        await our.link("501", id_)
        exported = await our.export()
        assert exported.pairs == 1
        assert (tmp_path / "links.csv").read_text().splitlines()[1:] == [
            f"default,hubspot:contacts:501,salesforce:Contact:{id_},linked,email,1"
        ]
        removed = await our.remove(exported)
        assert set(removed.components) == set(parts.components(HERE))
        after = await our.look()
        assert (after.state, after.there()) == ("none", [])
        assert (await our.remove(exported)).components == []
        assert (await our.install()).after.complete

    Installer(tmp_path).tell(story)


@pytest.mark.parametrize("spoil", ["another link", "another text", "no file"])
def test_removal_is_refused_without_an_export_that_is_true(tmp_path: Path, spoil: str) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        exported = await our.export()
        if spoil == "another link":
            await our.link("501", our.org.contacts(1)[0])
        elif spoil == "another text":
            (tmp_path / "links.csv").write_text("")
        else:
            (tmp_path / "links.csv").unlink()
        with pytest.raises(AppError) as refused:
            await our.remove(exported)
        assert refused.value.failure.code == "links_not_exported"
        assert (await our.look()).complete

    Installer(tmp_path).tell(story)


def test_a_removal_that_fails_leaves_the_sync_user_what_they_had(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        our.fails("CustomField", KEY, "This custom field is referenced elsewhere in salesforce.com.", times=1)
        with pytest.raises(PackageFailed, match=re.escape(KEY)):
            await our.remove(await our.export())
        assert (await our.look()).complete

    Installer(tmp_path).tell(story)


def _refuse(our: Installer, method: str, path: str) -> None:
    our.org.crm.faults.add({"match": {"method": method, "path_prefix": path}, "kind": "status", "status": 403})


def _lose_the_answer(our: Installer, method: str, path: str) -> None:
    our.lose_answer_to(method, "/metadata/deployRequest")


def _break_while_it_runs(our: Installer, method: str, path: str) -> None:
    our.org.crm.faults.add({"match": {"method": "GET", "path_prefix": path}, "kind": "status", "status": 403})


@pytest.mark.parametrize("break_", [_refuse, _lose_the_answer, _break_while_it_runs])
def test_a_removal_that_cannot_be_begun_or_followed_leaves_everybody_their_sets(
    tmp_path: Path, break_: Callable[[Installer, str, str], None]
) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        people = await our.everybody_has(str(done.after.user_set_id), 5)
        exported = await our.export()
        our.fails("CustomField", KEY, "This custom field is referenced elsewhere in salesforce.com.", times=1)
        break_(our, "POST", "/services/data/v66.0/metadata")
        with pytest.raises((CrmError, PackageFailed)):
            await our.remove(exported)
        our.org.crm.faults.clear()
        assert (await our.look()).complete
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        assert sorted(held.values()) == people

    Installer(tmp_path).tell(story)


def test_a_process_that_dies_while_it_removes_the_package_gives_the_sets_back_when_it_is_done_with_again(
    tmp_path: Path,
) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        people = await our.everybody_has(str(done.after.user_set_id), 5)
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        taken = {str(done.after.user_set_id): sorted(held.values())}
        await our.keeper.keep(Kept(None, our.user_id, our.org.time(), taken))
        await our.org.client.take_permission_set(list(held))
        await our.permit()
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        assert sorted(held.values()) == people
        assert await our.keeper.load() is None

    Installer(tmp_path).tell(story)


def test_taking_the_sets_from_hundreds_of_people_costs_a_handful_of_calls(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        await our.everybody_has(str(done.after.user_set_id), 450)
        exported = await our.export()
        before = our.org.crm.stats.calls
        await our.remove(exported)
        assert our.org.crm.stats.calls - before < 30

    Installer(tmp_path).tell(story)
