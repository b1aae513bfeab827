#!/usr/bin/env python3
"""Launch digests as sev-snp-measure computes them, next to those of kbs-attest: every VMM, processor and image that both
know. `sev_snp_measure.py KBS-ATTEST WORK IMAGE...` prints how many were held against each other; run by
tests/interop/measure.sh, with the interpreter that has the package."""
import itertools
import os
import subprocess
import sys

from sevsnpmeasure import guest, vcpu_types
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

VMMS = {"qemu": VMMType.QEMU, "ec2": VMMType.ec2, "gce": VMMType.gce}


def ours(program, image, vmm, vcpus, cpu, features, boot):
    command = [program, "measure", "snp", image, "--vmm", vmm, "--vcpus", str(vcpus), "--vcpu-type", cpu,
               "--features", hex(features)]
    for option, value in zip(("--kernel", "--initrd", "--append"), boot or ()):
        if value:
            command += [option, value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()}"


def theirs(image, vmm, vcpus, cpu, features, boot):
    kernel, initrd, append = boot or (None, None, None)
    try:
        return guest.calc_launch_digest(SevMode.SEV_SNP, vcpus, vcpu_types.CPU_SIGS[cpu], image, kernel, initrd, append,
                                        features, vmm_type=VMMS[vmm]).hex()
    except RuntimeError:
        return None


def main():
    program, work, *images = sys.argv[1:]
    kernel, initrd = os.path.join(work, "kernel"), os.path.join(work, "initrd")
    for path in (kernel, initrd):
        with open(path, "wb") as file:
            file.write(path.encode() * 1000)
    boots = [None, (kernel, None, None), (kernel, initrd, "console=ttyS0 root=/dev/vda1")]
    cases = [(vmm, 2, cpu, 1, None) for vmm in VMMS for cpu in vcpu_types.CPU_SIGS]
    cases += [(vmm, vcpus, "EPYC-v4", features, None)
              for vmm, vcpus, features in itertools.product(VMMS, (1, 3, 64), (0, 1, 0x21))]
    cases += [(vmm, 4, "EPYC-Genoa", 1, boot) for vmm, boot in itertools.product(VMMS, boots)]
    agreed = refused = 0
    for image, case in itertools.product(images, cases):
        wanted, found = theirs(image, *case), ours(program, image, *case)
        if wanted is None and found.startswith("exit 8:"):
            refused += 1
        elif wanted == found:
            agreed += 1
        else:
            sys.exit(f"{image} {case}: they compute {wanted}, kbs-attest {found}")
    print(f"{agreed} agree, {refused} refused by both")


main()
