"""The network edge: clients, faults, streams, bills."""
