"""What an operator declares about the installation: plain data, without Pulumi."""
