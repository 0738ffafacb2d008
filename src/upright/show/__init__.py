"""What people see of a run: curves, policies that play, videos, pages; it knows no trainer."""
