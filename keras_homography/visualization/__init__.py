"""Pictures of patches and of aligned images."""
