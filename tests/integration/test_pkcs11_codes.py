"""Every return code that PKCS#11 knows, given by a module to the real python-pkcs11: each is told by its name."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from anyascope.semconv.hsm import RETURN_CODES
from support.pkcs11_shim import shim
from support.softhsm import softhsm

pytest.importorskip("pkcs11")

GIVEN = """
import json, os, sys
import pkcs11
from anyascope.semconv.hsm import pkcs11_error_type, return_code

os.environ["SHIM_MODULE"] = sys.argv[1]
session = pkcs11.lib(sys.argv[4]).get_token(token_label=sys.argv[2]).open()
told = {}
for code in json.loads(sys.argv[6]):
    with open(os.path.join(sys.argv[5], "rv.GenerateRandom"), "w") as file:
        file.write(hex(code))
    try:
        session.generate_random(64)
    except Exception as error:
        told[code] = [pkcs11_error_type(error), return_code(error)]
print(json.dumps(told))
"""
OTHERS = {
    0x8000_0001: ("vendor_defined", "CKR_VENDOR_DEFINED+0x1"),
    0x8000_0000: ("vendor_defined", "CKR_VENDOR_DEFINED+0x0"),
    0xFFFF_FFFF: ("vendor_defined", "CKR_VENDOR_DEFINED+0x7fffffff"),
    0x7FFF: ("error", "CKR_0x7fff"),
    0x8: ("no_event", "CKR_NO_EVENT"),
}


def test_every_return_code_has_its_error_type(tmp_path, monkeypatch):
    """All codes of the standard, codes of vendors and one of nobody: none is lost, whether python-pkcs11 has a class for it or not."""
    token = softhsm(tmp_path)
    front = shim(token, tmp_path)
    monkeypatch.setenv("SHIM", str(front.folder))
    codes = [*RETURN_CODES, *OTHERS]
    said = token.run(GIVEN, str(front.module), str(front.folder), json.dumps(codes))
    told = {int(code): tuple(pair) for code, pair in json.loads(said).items()}
    assert told == {code: (name.lower(), f"CKR_{name}") for code, name in RETURN_CODES.items()} | OTHERS


def test_no_code_that_the_library_knows_is_missing_in_the_table():
    """The names in python-pkcs11's own declarations are all in ours."""
    found = importlib.util.find_spec("pkcs11")
    assert found is not None
    declared = Path(str(found.origin)).with_name("_pkcs11.pxd")
    if not declared.exists():
        pytest.skip("this version of python-pkcs11 comes without its declarations")
    names = set(re.findall(r"\bCKR_([A-Z0-9_]+)\b", declared.read_text()))
    assert names - set(RETURN_CODES.values()) == {"OK", "VENDOR_DEFINED"}
