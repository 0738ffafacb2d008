"""Seeds: named streams that never meet."""

from upright.ground.seeding import Stream, derive_seed, generator


def test_a_seed_is_a_63_bit_number_that_never_changes() -> None:
    assert derive_seed(0, Stream.WEIGHTS) == derive_seed(0, Stream.WEIGHTS)
    assert all(0 <= derive_seed(seed, Stream.TRAINING) < 2**63 for seed in range(200))


def test_streams_indices_and_seeds_are_all_apart() -> None:
    seeds = [
        derive_seed(seed, stream, index)
        for seed in range(5)
        for stream in Stream
        for index in range(50)
    ]
    assert len(set(seeds)) == len(seeds)


def test_no_episode_of_an_evaluation_is_one_of_the_training() -> None:
    def episodes(root: int) -> set[int]:
        return {derive_seed(root, lane, k) for lane in range(16) for k in range(60)}

    training = episodes(derive_seed(0, Stream.TRAINING))
    for stream in (Stream.SELECTION, Stream.PROOF, Stream.EVALUATION):
        for number in range(1, 4):
            assert training.isdisjoint(episodes(derive_seed(0, stream, number)))


def test_generators_of_one_stream_are_equal_and_of_two_are_not() -> None:
    one, same = generator(3, Stream.ACTIONS), generator(3, Stream.ACTIONS)
    other = generator(3, Stream.MINIBATCHES)
    drawn = one.random(8)
    assert (drawn == same.random(8)).all()
    assert (drawn != other.random(8)).all()
