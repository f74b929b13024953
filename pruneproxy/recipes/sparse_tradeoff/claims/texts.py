"""The twenty testable claims of the thesis in our own words, with the rule that decides each."""

from pruneproxy.evidence.claims import Claim

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            id="ST-01",
            where="Sec. 5.1.1; Table 5.1; Fig. 5.1",
            text="With the fixed configuration, a sparse network below a sparsity of 0.7 loses little accuracy.",
            quantity="accuracy of the dense network minus that of SET or RigL, points, per sparsity below 0.7",
            confirm="at most 0.5 on MNIST and at most 2 on the other data sets, at every sparsity",
            refute="more than that at some sparsity",
        ),
        Claim(
            id="ST-02",
            where="Sec. 5.1.1; Table 5.1",
            text="At the highest sparsities accuracy can collapse, for MLPs with SET more than with RigL.",
            quantity="accuracy with RigL minus accuracy with SET, points, at sparsities 0.99 and 0.975",
            confirm="above 1 at 0.99 and positive at 0.975 (where run), on every MLP data set",
            refute="0 or less at 0.99 on some MLP data set",
        ),
        Claim(
            id="ST-03",
            where="Sec. 4.2.2; Table 5.1",
            text="With SET and RigL, multiplications fall in proportion to the share of weights that is kept.",
            quantity="multiplications over those of the dense network, divided by 1 - sparsity, of training and of "
            "inference, where sparsity is the same in all layers",
            confirm="between 0.9 and 1.1 everywhere",
            refute="outside somewhere",
        ),
        Claim(
            id="ST-04",
            where="Sec. 5.1.1; Table 5.2",
            text="The trade-off of the fixed configuration has another shape on every data set.",
            quantity="difference of the normalised hypervolumes of two data sets",
            confirm="above 0.3 for some pair",
            refute="within 0.1 for every pair",
        ),
        Claim(
            id="ST-05",
            where="Sec. 5.2.1; Table 5.5",
            text="A search over all hyperparameters covers far more of the trade-off than sparsity alone does.",
            quantity="hypervolume of the search over that of the fixed configuration, normalised together",
            confirm="above 1.2 on every data set",
            refute="at most 1 on some data set",
        ),
        Claim(
            id="ST-06",
            where="Sec. 5.2.1; Table 5.5",
            text="Data sets of the same kind gain about equally from the search.",
            quantity="ratio of ST-05 on one data set of a pair over that on the other; the pairs are MNIST and Fashion "
            "MNIST, Higgs and Elec2, CIFAR-10 and SVHN",
            confirm="between 0.8 and 1.25 for every pair",
            refute="outside for some pair",
        ),
        Claim(
            id="ST-07",
            where="Sec. 5.2.1; Table 5.5",
            text="The search finds about the same best accuracy as the fixed configuration.",
            quantity="highest mean accuracy of the search minus that of the fixed configuration, points",
            confirm="between -0.5 and 2 on every data set",
            refute="outside on some data set",
        ),
        Claim(
            id="ST-08",
            where="Sec. 5.2.1; Table 5.4",
            text="Accuracy follows either cost at least as closely as the two costs follow each other.",
            quantity="rank correlation of accuracy and a cost minus that of the two costs",
            confirm="0 or more for both costs on every data set",
            refute="negative for one of them on some data set",
        ),
        Claim(
            id="ST-09",
            where="Sec. 5.2.1; Table 5.6",
            text="Few configurations of the trade-off are dense.",
            quantity="share of the dense ones",
            confirm="at most 0.2 on every data set",
            refute="above a third, the share in a blind draw, on some data set",
        ),
        Claim(
            id="ST-10",
            where="Sec. 5.2.1; Sec. 6.2.3; Table 5.6; Fig. 6.5",
            text="SET and RigL are equally frequent in the trade-off and reach the same parts of it.",
            quantity="share of SET among the sparse configurations; hypervolume of those with SET over that of those "
            "with RigL",
            confirm="between 0.4 and 0.6, and between 0.95 and 1.05, on every data set",
            refute="hypervolumes more than 5 percent apart on two data sets (on the one, where only one was run)",
        ),
        Claim(
            id="ST-11",
            where="Sec. 5.2.1; Table 5.6",
            text="Sparse ResNets in the trade-off are sparser than sparse MLPs.",
            quantity="mean sparsity of the sparse configurations, a ResNet data set minus an MLP data set",
            confirm="positive for every pair",
            refute="0 or less for some pair",
        ),
        Claim(
            id="ST-12",
            where="Sec. 5.3.1; Table 5.8",
            text="Other sparsities for the best configurations raise the best accuracy; what they do to the trade-off "
            "depends on the data set.",
            quantity="highest mean accuracy of the sweep minus that of the search, points; ratio of the hypervolumes, "
            "normalised together",
            confirm="0 or more, and a ratio between 0.8 and 1.25, on every data set",
            refute="a lower accuracy on some data set",
        ),
        Claim(
            id="ST-13",
            where="Sec. 5.3.1; Table 5.7",
            text="Most of the twenty most accurate configurations are sparse.",
            quantity="share of sparse ones among those that were selected for the sweep, or among the first twenty",
            confirm="at least 0.75 on every data set",
            refute="below 0.5 on some data set",
        ),
        Claim(
            id="ST-14",
            where="Sec. 5.3.1; Fig. 5.5; Sec. 7.1",
            text="Trained anew at several sparsities, these configurations are mostly best when dense or nearly so.",
            quantity="share of the configurations whose most accurate version is dense or has a sparsity below 0.5",
            confirm="more than half on every data set",
            refute="less than half on some data set",
        ),
        Claim(
            id="ST-15",
            where="Sec. 6.1.1; Tables 6.1, D.1, D.2",
            text="The choice between RigL, SET and dense training does not matter.",
            quantity="importance of the algorithm for error and for both costs",
            confirm="below 0.01 for every objective and data set",
            refute="above 0.02 for some",
        ),
        Claim(
            id="ST-16",
            where="Sec. 6.1.1; Tables D.1, D.2",
            text="Sparsity is the most important hyperparameter for both costs.",
            quantity="importance of sparsity minus the largest of the others",
            confirm="positive for both costs on every data set",
            refute="negative for one of them on some data set",
        ),
        Claim(
            id="ST-17",
            where="Sec. 6.1.1; Table 6.1",
            text="For the error of ResNets, weight decay and epochs matter more than the learning rate.",
            quantity="importance of weight decay, and of epochs, minus that of the initial learning rate",
            confirm="positive for both on every ResNet data set",
            refute="negative for one of them on some ResNet data set",
        ),
        Claim(
            id="ST-18",
            where="Sec. 6.1.1; Table 6.1",
            text="For the error of MLPs, the number of layers matters more than the learning rate.",
            quantity="importance of the number of layers minus that of the initial learning rate",
            confirm="positive on every MLP data set",
            refute="negative on two MLP data sets (on the one, where only one was run)",
        ),
        Claim(
            id="ST-19",
            where="Sec. 6.2.3; Fig. 6.4",
            text="Configurations that are at least half sparse cover nearly the whole trade-off.",
            quantity="hypervolume of those with a sparsity of 0.5 (SVHN: 0.8) or more over that of all",
            confirm="at least 0.95 on every data set",
            refute="below 0.9 on some data set",
        ),
        Claim(
            id="ST-20",
            where="Sec. 6.2.5; abstract; Sec. 7.1",
            text="Sparsities of 0.4 to 0.8 suit MLPs and 0.7 to 0.99 ResNets, and each point of accuracy given up "
            "divides the multiplications by the same factor.",
            quantity="share of the sparse configurations within the range; R2 of a straight line through error and the "
            "logarithm of either cost",
            confirm="a share above 0.5 and both R2 above 0.9 on every data set",
            refute="most outside the range on some data set, or a parabola that explains at least 0.05 more of the "
            "variance than the line",
        ),
    )
}
