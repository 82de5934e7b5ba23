"""How tests that include relacy_atomics.h are compiled."""

# Relacy's headers predate today's warnings; strict aliasing breaks its fibers.
RELACY_COPTS = [
    "-Wno-all",
    "-Wno-extra",
    "-Wno-error",
    "-w",
    "-O1",
]
