"""The window server: what cashiers, doctors, pharmacists and nurses work on while the centre is away."""
