"""Streamed answers: their pace, their frames, their faults, and what becomes of them when the client leaves."""
