"""The composer of the suite's own songs: notes, chords and beats as a function of a seed."""
