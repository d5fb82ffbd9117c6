package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of one file, each read into its type. Fields that the type does not
// have are refused.
type manifests struct {
	pods     map[string]*corev1.PodTemplateSpec // by kind
	services map[string]*corev1.Service
	settings map[string]map[string]string // data of config maps
	accounts map[string]bool
	stateful *appsv1.StatefulSet
	deployed *appsv1.Deployment
	budget   *policyv1.PodDisruptionBudget
	network  *networkingv1.NetworkPolicy
}

func readManifests(t *testing.T, file string) manifests {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../scripts/deploy/kubernetes", file))
	if err != nil {
		t.Fatal(err)
	}
	m := manifests{
		pods: map[string]*corev1.PodTemplateSpec{}, services: map[string]*corev1.Service{},
		settings: map[string]map[string]string{}, accounts: map[string]bool{},
	}
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%s: %v\n%s", file, err, document)
		}
		m.add(t, head, document)
	}
	return m
}

func (m *manifests) add(t *testing.T, head metav1.TypeMeta, document string) {
	t.Helper()
	switch head.APIVersion + " " + head.Kind {
	case "v1 ServiceAccount":
		m.accounts[strictly[corev1.ServiceAccount](t, document).Name] = true
	case "v1 ConfigMap":
		c := strictly[corev1.ConfigMap](t, document)
		m.settings[c.Name] = c.Data
	case "v1 Service":
		s := strictly[corev1.Service](t, document)
		m.services[s.Name] = s
	case "apps/v1 StatefulSet":
		m.stateful = strictly[appsv1.StatefulSet](t, document)
		m.pods[head.Kind] = &m.stateful.Spec.Template
		expectSelects(t, head.Kind, m.stateful.Spec.Selector, m.pods[head.Kind])
	case "apps/v1 Deployment":
		m.deployed = strictly[appsv1.Deployment](t, document)
		m.pods[head.Kind] = &m.deployed.Spec.Template
		expectSelects(t, head.Kind, m.deployed.Spec.Selector, m.pods[head.Kind])
	case "batch/v1 Job":
		m.pods[head.Kind] = &strictly[batchv1.Job](t, document).Spec.Template
	case "policy/v1 PodDisruptionBudget":
		m.budget = strictly[policyv1.PodDisruptionBudget](t, document)
	case "networking.k8s.io/v1 NetworkPolicy":
		m.network = strictly[networkingv1.NetworkPolicy](t, document)
	default:
		t.Fatalf("%s %s is not known to this test", head.APIVersion, head.Kind)
	}
}

func strictly[T any](t *testing.T, document string) *T {
	t.Helper()
	object := new(T)
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return object
}

func expectSelects(t *testing.T, what string, selector *metav1.LabelSelector, pods ...*corev1.PodTemplateSpec) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || s.Empty() {
		t.Fatalf("%s: selector %v: %v", what, selector, err)
	}
	for _, pod := range pods {
		if !s.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s selects %s, which no label of %v matches", what, s, pod.Labels)
		}
	}
}

// bothManifests runs a test for the file of each store.
func bothManifests(t *testing.T, test func(t *testing.T, m manifests)) {
	t.Helper()
	for _, file := range []string{"embedded.yaml", "scylla.yaml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			test(t, readManifests(t, file))
		})
	}
}

// container returns the only container of a pod.
func container(t *testing.T, pod *corev1.PodTemplateSpec) *corev1.Container {
	t.Helper()
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) > 0 {
		t.Fatalf("want one container: %+v", pod.Spec)
	}
	return &pod.Spec.Containers[0]
}

// environment returns what a container finds in its environment. Secrets have the value "".
func (m manifests) environment(t *testing.T, c *corev1.Container) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			data, ok := m.settings[from.ConfigMapRef.Name]
			if !ok {
				t.Errorf("config map %s is not in the file", from.ConfigMapRef.Name)
			}
			maps.Copy(env, data)
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	return env
}

func TestKubernetes_BinaryKnowsItsSettingsAndCommands(t *testing.T) {
	t.Parallel()
	bothManifests(t, func(t *testing.T, m manifests) {
		for kind, pod := range m.pods {
			c := container(t, pod)
			expectCommand(t, c.Args)
			env := m.environment(t, c)
			ours := 0
			for name := range env {
				if name == "GOMEMLIMIT" {
					continue
				}
				ours++
				expectSetting(t, name)
			}
			if ours < 5 {
				t.Errorf("%s has %d settings", kind, ours)
			}
		}
	})
}

// In the comments at the top are names of settings that the secret has, and commands.
func TestKubernetes_CommentsNameWhatExists(t *testing.T) {
	t.Parallel()
	expectSetting(t, "ORDERFLOW_SCYLLA_PASSWORD")
	expectSetting(t, "ORDERFLOW_REDPANDA_PASSWORD")
	expectSetting(t, "ORDERFLOW_TLS_CERT")
	expectSetting(t, "ORDERFLOW_TLS_KEY")
	expectCommand(t, []string{"token", "create"})
	expectCommand(t, []string{"backup"})
}

func TestKubernetes_ProbesTellRestartFromTraffic(t *testing.T) {
	t.Parallel()
	bothManifests(t, func(t *testing.T, m manifests) {
		for kind, pod := range m.pods {
			c := container(t, pod)
			if kind == "Job" {
				if c.LivenessProbe != nil || c.ReadinessProbe != nil {
					t.Error("a job is not probed")
				}
				continue
			}
			for _, p := range []struct {
				name, path string
				probe      *corev1.Probe
			}{
				{"liveness", "/livez", c.LivenessProbe},
				{"readiness", "/readyz", c.ReadinessProbe},
				{"startup", "/livez", c.StartupProbe},
			} {
				if p.probe == nil || p.probe.HTTPGet == nil || p.probe.HTTPGet.Path != p.path || !hasPort(c, p.probe.HTTPGet.Port) {
					t.Errorf("%s: %s: %+v", kind, p.name, p.probe)
				}
			}
			if start := c.StartupProbe; start.PeriodSeconds*start.FailureThreshold < 120 {
				t.Errorf("%s: a start may take %d s", kind, start.PeriodSeconds*start.FailureThreshold)
			}
			grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
			if grace < 45*time.Second || c.Lifecycle.PreStop.Sleep == nil {
				t.Errorf("%s: a stop may take %s", kind, grace)
			}
		}
	})
}

func hasPort(c *corev1.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal })
}

// What Kubernetes calls the restricted profile of pod security.
func TestKubernetes_PodsAreRestricted(t *testing.T) {
	t.Parallel()
	bothManifests(t, func(t *testing.T, m manifests) {
		for kind, pod := range m.pods {
			p, c := pod.Spec.SecurityContext, container(t, pod).SecurityContext
			if !*p.RunAsNonRoot || *p.RunAsUser != 65532 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: pod: %+v", kind, p)
			}
			if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) ||
				len(c.Capabilities.Add) > 0 {
				t.Errorf("%s: container: %+v", kind, c)
			}
			if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken || !m.accounts[pod.Spec.ServiceAccountName] {
				t.Errorf("%s: service account %q", kind, pod.Spec.ServiceAccountName)
			}
			r := container(t, pod).Resources
			if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().Cmp(*r.Requests.Memory()) < 0 {
				t.Errorf("%s: resources: %+v", kind, r)
			}
		}
	})
}

// The only place to write is a volume, and the data are below its root: the root belongs to root,
// and the service makes its directory private.
func TestKubernetes_DataAreInAVolume(t *testing.T) {
	t.Parallel()
	bothManifests(t, func(t *testing.T, m manifests) {
		for kind, pod := range m.pods {
			c := container(t, pod)
			volumes := map[string]bool{}
			for _, v := range pod.Spec.Volumes {
				volumes[v.Name] = true
			}
			if kind == "StatefulSet" {
				for _, v := range m.stateful.Spec.VolumeClaimTemplates {
					volumes[v.Name] = true
				}
			}
			data := m.environment(t, c)["ORDERFLOW_DATA"]
			if len(c.VolumeMounts) != 1 || !volumes[c.VolumeMounts[0].Name] || !strings.HasPrefix(data, c.VolumeMounts[0].MountPath+"/") {
				t.Errorf("%s: data at %q, mounts %+v, volumes %v", kind, data, c.VolumeMounts, volumes)
			}
		}
		if m.stateful != nil && (*m.stateful.Spec.Replicas != 1 || m.services[m.stateful.Spec.ServiceName] == nil) {
			t.Errorf("an embedded store has one process: %+v", m.stateful.Spec)
		}
	})
}

func TestKubernetes_ServicesAndPoliciesFindThePods(t *testing.T) {
	t.Parallel()
	bothManifests(t, func(t *testing.T, m manifests) {
		all := slices.Collect(maps.Values(m.pods))
		expectSelects(t, "network policy", &m.network.Spec.PodSelector, all...)
		service := m.pods["StatefulSet"]
		if m.deployed != nil {
			service = m.pods["Deployment"]
			expectSelects(t, "disruption budget", m.budget.Spec.Selector, service)
			if *m.deployed.Spec.Replicas < 2 || m.budget.Spec.MaxUnavailable.IntValue() != 1 {
				t.Errorf("%d replicas, %v may be away", *m.deployed.Spec.Replicas, m.budget.Spec.MaxUnavailable)
			}
		}
		ports := map[string]bool{}
		for name, s := range m.services {
			if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(service.Labels)) {
				t.Errorf("service %s does not select the pods", name)
			}
			if job := m.pods["Job"]; job != nil && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(job.Labels)) {
				t.Errorf("service %s selects the job", name)
			}
			for _, p := range s.Spec.Ports {
				ports[p.TargetPort.StrVal] = hasPort(container(t, service), p.TargetPort)
			}
		}
		for _, rule := range m.network.Spec.Ingress {
			for _, p := range rule.Ports {
				if !ports[p.Port.StrVal] || len(rule.From) == 0 {
					t.Errorf("rule %+v", rule)
				}
			}
		}
		if !ports["http"] || !ports["ops"] || len(m.network.Spec.PolicyTypes) != 2 {
			t.Errorf("ports %v, policy %v", ports, m.network.Spec.PolicyTypes)
		}
		for _, rule := range m.network.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				t.Errorf("a rule for what goes out allows everything: %+v", rule)
			}
		}
	})
}
