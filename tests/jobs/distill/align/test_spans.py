from jobs.distill.align.spans import groups, numbered


def test_it_finds_the_minimal_common_spans():
    a, b = groups([(0, 3), (3, 5), (5, 9)], [(0, 5), (5, 7), (7, 9)])
    assert (a, b) == ([[0, 1], [2]], [[0], [1, 2]])
    assert numbered(a, 4).tolist() == [0, 0, 1, -1]


def test_tokens_that_cover_nothing_belong_to_no_span():
    assert groups([None, (0, 2), None], [(0, 1), (1, 2)]) == ([[1]], [[0, 1]])


def test_what_is_left_of_a_shortened_side_joins_the_last_span():
    assert groups([(0, 1), (1, 2), (2, 3)], [(0, 1)]) == ([[0, 1, 2]], [[0]])
