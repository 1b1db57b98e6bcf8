"""What is said of an HSM that is not right: words that name the thing to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.collect.collectors.hsm.findings import advice_on, judge_absence, judge_canary, judge_silence
from anyascope.collect.collectors.hsm.nouns import HsmFailure, Operation, Sight, TokenSight
from anyascope.collect.hsm_options import HsmOptions, Pkcs11Options


def test_a_library_that_cannot_be_loaded_is_no_riddle() -> None:
    """The advice is about `module`, not about a page of the guide."""
    found = judge_silence(HsmFailure("error", "OS exception while loading /no/x.so: cannot open shared object file"))
    assert "correct `module`" in found.advice


def test_a_general_error_leads_to_the_librarys_own_configuration() -> None:
    """Which is what PKCS#11's vaguest code most often means."""
    assert "SOFTHSM2_CONF" in advice_on(HsmFailure("general_error", "", code="CKR_GENERAL_ERROR"))
    assert advice_on(HsmFailure("odd", "", code="CKR_ODD")) == "look CKR_ODD up in the manual of the HSM"


def test_a_missing_key_is_told_without_the_librarys_own_spelling() -> None:
    """`No key matching private key 'canary'`."""
    failure = HsmFailure(
        "key_not_found", "No key matching {<Attribute.CLASS>: <ObjectClass.PRIVATE_KEY>, <Attribute.LABEL>: 'canary'}"
    )
    [found] = judge_canary({"sign": Operation("sign", 0.0, failure)})
    assert found.message == "sign fails: No key matching private key 'canary'"


@pytest.mark.parametrize(
    ("labels", "told"),
    [((), "0 others are there"), (("anya", "old"), "2 others are there: 'anya', 'old'")],
)
def test_an_absent_token_is_told_with_those_that_are_there(labels: tuple[str, ...], told: str) -> None:
    """A misspelt label is seen at once."""
    options = HsmOptions("core", "pkcs11", Pkcs11Options(Path("x.so"), token="nayaa"))
    sight = Sight(tokens=tuple(TokenSight("0", label) for label in labels))
    assert judge_absence(options, sight).message == f"token 'nayaa' is absent; {told}"
