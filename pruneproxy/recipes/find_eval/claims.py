"""What the claims rest on."""

from pruneproxy.evidence.verdicts import Basis, Judge

JUDGE = Judge(stem="find_eval", measured=lambda frames: frames, printed=object, basis=lambda quantities, claim: Basis())
