"""The targets that come with DonkiOrchestra."""

from __future__ import annotations

from donki_client.deploy.target import TARGETS, find_target, register
from donki_client.deploy.targets.compose import ComposeTarget
from donki_client.deploy.targets.dsconfig import DsconfigTarget
from donki_client.deploy.targets.kubernetes import KubernetesTarget
from donki_client.deploy.targets.systemd import SystemdTarget
from donki_client.deploy.targets.tango import TangoTarget

__all__ = ["TARGETS", "find_target"]

for _target in (TangoTarget(), DsconfigTarget(), SystemdTarget(), ComposeTarget(), KubernetesTarget()):
    register(_target)
