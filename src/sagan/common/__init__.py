"""What every package uses: files, schemas, devices, class names, pixel ranges, terminal."""
