-- The series that have native histograms.
SELECT DISTINCT series_id FROM histograms
