"""NeXus files as other people's programs see them."""

import h5py
import numpy as np

_DTYPES = {"int32": np.int32, "double": np.float64, "string": h5py.string_dtype()}


def pixels_of(path, detector):
    """Return the events of a detector on its pixels, with positions, as essreduce has them."""
    # Seconds of imports, which every process of pytest-xdist would wait for.
    import scippnexus
    from ess.reduce.nexus.types import Filename, NeXusName, RawDetector, SampleRun
    from ess.reduce.nexus.workflow import GenericNeXusWorkflow

    workflow = GenericNeXusWorkflow(run_types=[SampleRun], monitor_types=[])
    workflow[Filename[SampleRun]] = str(path)
    workflow[NeXusName[scippnexus.NXdetector]] = detector
    return workflow.compute(RawDetector[SampleRun])


def violations(path):
    """Return what chexus has to say against a file."""
    import chexus

    reader = chexus.read_hdf5(path)
    # The file is closed with the reader; values are read when they are asked for.
    results = chexus.validate(next(reader), chexus.validators.base_validators(has_scipp=True))
    reader.close()
    return [str(violation) for result in results.values() for violation in result.violations]


def write_structure(file, structure):
    """Write what a file writer is told of groups and static data, as its documentation says."""

    def describe(item, attributes):
        for each in attributes:
            values = each["values"]
            item.attrs[each["name"]] = (
                values if each["dtype"] == "string" else np.array(values, each["dtype"])
            )

    def write(group, children):
        for child in children:
            if child.get("type") == "group":
                made = group.create_group(child["name"])
                write(made, child["children"])
            elif child["module"] == "dataset":
                config = child["config"]
                made = group.create_dataset(
                    config["name"], data=config["values"], dtype=_DTYPES[config["dtype"]]
                )
            else:
                continue
            describe(made, child.get("attributes", ()))

    write(file, structure["children"])
