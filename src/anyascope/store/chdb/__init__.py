"""The store on disk: ClickHouse inside the process."""
