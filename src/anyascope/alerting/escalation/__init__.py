"""What people do about alerts, and the policies that climb until somebody does."""
