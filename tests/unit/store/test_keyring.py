"""The key file: private, complete or absent, and never printed."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest

from interlock.store import KeyFileProblem, SecretUnreadable, keyring


def test_the_key_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = keyring.load_or_create(path).seal(1, "token", "pat")
    assert path.stat().st_mode & 0o777 == 0o600
    assert keyring.load_or_create(path).unseal(1, "token", sealed) == "pat"
    assert [p.name for p in tmp_path.iterdir()] == ["secret.key"]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    rings: list[keyring.Keyring] = []
    start = threading.Barrier(4)

    def open_it() -> None:
        start.wait()
        rings.append(keyring.load_or_create(path))

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = rings[0].seal(1, "token", "pat")
    assert [ring.unseal(1, "token", sealed) for ring in rings] == ["pat"] * 4


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret.key"
    keyring.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileProblem, match="chmod 600"):
        keyring.load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"not a key\n"])
def test_a_damaged_key_file_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileProblem, match="backup"):
        keyring.load_or_create(path)
    assert path.read_bytes() == content


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileProblem, match="nowhere"):
        keyring.load_or_create(tmp_path / "nowhere" / "secret.key")


def test_after_a_rotation_old_secrets_open_until_the_old_key_is_retired(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    old = keyring.load_or_create(path).seal(1, "token", "pat")
    rotated = keyring.rotate(path)
    fresh = rotated.seal(1, "token", "pat")
    assert keyring.load_or_create(path).unseal(1, "token", old) == "pat"

    retired = keyring.retire(path)
    assert retired.unseal(1, "token", fresh) == "pat"
    with pytest.raises(SecretUnreadable):
        retired.unseal(1, "token", old)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_keyring_never_shows_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    ring = keyring.load_or_create(path)
    key = path.read_text().strip()
    assert key not in repr(ring)
    assert key not in str(vars(ring))


def test_a_sealed_value_of_which_any_one_bit_was_changed_is_refused() -> None:
    ring = keyring.generate()
    sealed = base64.urlsafe_b64decode(ring.seal(1, "token", "pat"))
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SecretUnreadable):
            ring.unseal(1, "token", base64.urlsafe_b64encode(bytes(changed)))
    assert ring.unseal(1, "token", base64.urlsafe_b64encode(sealed)) == "pat"
