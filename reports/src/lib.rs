//! A run artifact in, one HTML file out. Knows nothing of engine or simulation.
