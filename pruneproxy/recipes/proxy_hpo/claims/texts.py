"""The fifteen testable claims of the paper in our own words, with the rule that decides each."""

from pruneproxy.evidence.claims import Claim

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            id="PH-01",
            where="Abstract; Sec. 5.2; Table 3",
            text="Settings found on a pruned copy serve the full network about as well as settings found on itself.",
            quantity="accuracy with settings of the proxy minus accuracy with settings of the target, points; one "
            "number per data set, optimizer and network",
            confirm="equivalent within 1 point in two thirds of the cells, and a mean of at least -0.5",
            refute="a mean below -1, or more than half of the cells below -1",
        ),
        Claim(
            id="PH-02",
            where="Sec. 5.2; Table 3",
            text="How good the proxy is does not depend on the data set.",
            quantity="mean of the differences of PH-01 per data set",
            confirm="the same sign on every data set, or all within 0.5 points of each other",
            refute="opposite signs on two data sets that are more than 0.5 points apart",
        ),
        Claim(
            id="PH-03",
            where="Sec. 5.2; Table 3",
            text="How good the proxy is does not depend on the hyperparameter optimizer.",
            quantity="mean of the differences of PH-01 per optimizer",
            confirm="within 1 point of 0 for every optimizer",
            refute="below -1 point for some optimizer",
        ),
        Claim(
            id="PH-04",
            where="Abstract; Table 3",
            text="A training step of the pruned copy takes 5 to 50 percent less time (12 to 37 in the paper).",
            quantity="reduction of the forward and backward time at equal batch size, percent",
            confirm="between 5 and 50 percent for every network",
            refute="0 or less for some network",
        ),
        Claim(
            id="PH-05",
            where="Sec. 5.2",
            text="Time falls less than parameters, because scores at initialisation keep more of the early channels.",
            quantity="rank correlation of a group's depth and its share of channels kept; reduction of parameters "
            "minus reduction of time, points",
            confirm="negative, and more parameters than time saved, for every network",
            refute="0 or more for some network",
        ),
        Claim(
            id="PH-06",
            where="Sec. 3; Table 1",
            text="It hardly matters which pruning method makes the proxy.",
            quantity="accuracy with settings of the single-shot copy minus that of another method's copy, points",
            confirm="within 1 point for every pair",
            refute="more than 1 point for some pair",
        ),
        Claim(
            id="PH-07",
            where="Sec. 5.3; Fig. 2",
            text="The pruned copy trains at a higher loss throughout, so its loss curves cannot explain the transfer.",
            quantity="share of the epochs in which the mean training loss of the copy is the higher one",
            confirm="at least 0.95 for every network",
            refute="the bands of one deviation overlap in more than half of the epochs, for some network",
        ),
        Claim(
            id="PH-08",
            where="Sec. 5.3; Table 4",
            text="Settings found on shallower networks of the family cost the deep one about 0.7 points against the "
            "pruned copy.",
            quantity="accuracy with settings of the pruned copy minus that with settings of the shallower one, points",
            confirm="between 0 and 1.5 for every shallower network",
            refute="below 0 or above 1.5 for some of them",
        ),
        Claim(
            id="PH-09",
            where="Sec. 5.3; Table 5",
            text="Settings move between VGG16-BN and ResNet56 at a smaller loss than to or from MobileNetV2.",
            quantity="size of the mean gap over both directions, a pair with MobileNetV2 minus the other, points",
            confirm="positive for both pairs on every data set",
            refute="negative for one pair on some data set",
        ),
        Claim(
            id="PH-10",
            where="Sec. 5.3; Table 5",
            text="Of the three pairs, ResNet56 and MobileNetV2 exchange settings worst.",
            quantity="mean loss over both directions and all data sets, this pair minus another, points",
            confirm="positive against both other pairs",
            refute="negative against one of them",
        ),
        Claim(
            id="PH-11",
            where="Sec. 5.3; Sec. 6",
            text="A network's own pruned copy is a better source of settings than another architecture.",
            quantity="accuracy with settings of the own copy minus that with settings of another network, points",
            confirm="positive in at least 80 percent of the cells",
            refute="positive in at most half of the cells",
        ),
        Claim(
            id="PH-12",
            where="Sec. 5.3",
            text="The proxy still works when momentum and the decay factor of the learning rate are searched too.",
            quantity="the difference of PH-01 with five hyperparameters and twice the trials, points",
            confirm="at least -1",
            refute="below -1",
        ),
        Claim(
            id="PH-13",
            where="Sec. 5.3 against Table 3",
            text="The search over five hyperparameters ends lower than the one over three, in spite of more trials.",
            quantity="accuracy with settings of five minus that of three hyperparameters, points",
            confirm="negative for the search on the target and on the proxy",
            refute="0 or more for one of them",
        ),
        Claim(
            id="PH-14",
            where="Sec. 5.3; Fig. 3",
            text="Proxy and target select the same learning rate, weight decay and decay factor in the mean, but other "
            "batch sizes and momenta.",
            quantity="distance of the means over searches, in pooled deviations, on the searched scale",
            confirm="below 1 for the first three and above 1 for the last two",
            refute="the first three are on average as far apart as the last two",
        ),
        Claim(
            id="PH-15",
            where="Sec. 5.3",
            text="The less a hyperparameter matters, the wider its selected values spread.",
            quantity="rank correlation of importance and relative spread over the hyperparameters",
            confirm="negative for both kinds of search",
            refute="0 or more for one of them",
        ),
    )
}
