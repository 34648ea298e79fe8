"""The simulator: plays every person of Reliefpath through the public APIs, for the demo, for load and for the tests.

Plays   referrers, coordinators, clinicians, schedulers, home nurses and patients, each with a token of their own role;
        operations moves the one clock, so that weeks pass in seconds.
Knows   what the APIs show, and nothing else: it takes only actions it was offered, and learns of effects by reading.
Makes   its own synthetic patients, from a seed, as FHIR R4 bundles. No real person is, or could be, among them.
"""
