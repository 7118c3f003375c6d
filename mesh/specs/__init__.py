"""What people write: one frozen spec and its cross-checks per concern. Imports nothing of the other rooms of `mesh`."""
