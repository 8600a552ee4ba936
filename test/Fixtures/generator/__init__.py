"""The parts of test/Fixtures/generate.py."""
